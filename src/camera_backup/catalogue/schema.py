"""The catalogue's tables and how a database is opened and brought up to date."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from camera_backup.catalogue.migrations import HEAD
from camera_backup.errors import CatalogueError

_BUSY_SECONDS = 30


class UtcTime(sa.TypeDecorator[datetime]):
    """A moment in UTC, timezone-aware on both sides whatever the database keeps."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Refuse a time without a zone: it could mean anything."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - as above
        """Give the time its zone back, which SQLite does not keep."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = sa.MetaData()

# A row says: this content was seen safe in the bucket under `key`. The same name may come again with other content
# (a clock that was set back), so both together are what is unique.
segments = sa.Table(
    "segments",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("camera", sa.String(80), nullable=False),
    sa.Column("name", sa.String(48), nullable=False),
    sa.Column("start", UtcTime, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("modified", sa.Double, nullable=False),
    sa.Column("checksum", sa.String(16), nullable=False),
    sa.Column("key", sa.String(1024), nullable=False),
    sa.Column("verified_at", UtcTime, nullable=False),
    sa.Column("removed_at", UtcTime),
    sa.UniqueConstraint("camera", "name", "checksum", name="segments_content"),
    sa.Index("segments_start", "camera", "start"),
    sa.Index("segments_verified", "camera", "verified_at"),
)


def sqlite_url(path: Path) -> str:
    """Return the URL of the database file `path`."""
    return sa.URL.create("sqlite", database=str(path)).render_as_string()


def sqlite_path(url: str) -> Path | None:
    """Return the file behind `url`; None for a database that is not a file."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        return None
    return Path(parsed.database)


def engine(url: str, *, read_only: bool) -> sa.Engine:
    """Return an engine for `url`; nothing is opened yet. On SQLite a commit is on disk before it returns."""
    path = sqlite_path(url)
    if path is None:
        return sa.create_engine(url, pool_pre_ping=True)
    query = {"mode": "ro" if read_only else "rwc", "uri": "true"}
    target = sa.URL.create("sqlite", database=f"file:{_quoted(path)}", query=query)
    made = sa.create_engine(target, connect_args={"timeout": _BUSY_SECONDS})

    def configure(connection: Any, _record: object) -> None:
        if not read_only:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")

    # The driver by itself begins a transaction too late to hold a change of the schema together.
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    sa.event.listen(made, "connect", configure)
    sa.event.listen(made, "begin", begin)
    return made


def upgrade(made: sa.Engine) -> None:
    """Bring the schema up to date. Alembic is only loaded if there is something to do."""
    with made.begin() as connection:
        found = revision(connection)
        if found == HEAD:
            return
        if found is not None and found > HEAD:
            raise CatalogueError(
                f"the catalogue was written by a newer version (schema {found}, this version knows {HEAD})",
                operation="open",
                subject=made.url.render_as_string(hide_password=True),
                hint="install that version again",
                permanent=True,
            )
        from alembic import command  # noqa: PLC0415 - costs memory that a running uploader does not need
        from alembic.config import Config  # noqa: PLC0415 - as above

        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        command.upgrade(config, "head")


def revision(connection: sa.Connection) -> str | None:
    """Return the schema's revision; None for a database without one."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
