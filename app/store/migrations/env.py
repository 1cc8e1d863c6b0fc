"""Alembic's entry point. The connection comes from app.store.migrate; there is no alembic.ini."""

from alembic import context
from sqlmodel import SQLModel

import app.store.tables  # noqa: F401 -- fills SQLModel.metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,  # SQLite cannot alter a table in place
)
context.run_migrations()
