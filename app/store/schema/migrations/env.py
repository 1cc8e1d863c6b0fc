"""Alembic's entry point. The connection comes from app.store.schema; there is no alembic.ini."""

from alembic import context
from sqlmodel import SQLModel

from app.store.schema import tables  # noqa: F401 -- fills SQLModel.metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,  # SQLite cannot alter a table in place
)
context.run_migrations()
