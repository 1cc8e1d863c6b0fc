"""Alembic migrations, run by app.store.migrate; one file per schema version."""
