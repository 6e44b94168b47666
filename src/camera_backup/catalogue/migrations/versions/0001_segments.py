"""Begin: a row for every segment that was seen safe in the bucket."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table `segments`."""
    op.create_table(
        "segments",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("camera", sa.String(80), nullable=False),
        sa.Column("name", sa.String(48), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("modified", sa.Double, nullable=False),
        sa.Column("checksum", sa.String(16), nullable=False),
        sa.Column("key", sa.String(1024), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("camera", "name", "checksum", name="segments_content"),
    )
    op.create_index("segments_start", "segments", ["camera", "start"])
    op.create_index("segments_verified", "segments", ["camera", "verified_at"])


def downgrade() -> None:
    """Drop the table; what is safe is then found again in the bucket."""
    op.drop_table("segments")
