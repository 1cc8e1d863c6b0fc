"""Alembic migrations, run by app.store.schema; one file per schema version."""

__all__: list[str] = []
