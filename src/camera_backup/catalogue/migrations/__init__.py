"""The catalogue's schema, step by step (Alembic): one file in `versions/` per step."""

HEAD = "0001"
