"""Ids of rows that the database has."""

from app.store.schema import Note, Recording, Vm


def row_id(row: Recording | Vm | Note) -> int:
    """The id of a row that was read. Only a row not yet inserted has none."""
    assert row.id is not None
    return row.id
