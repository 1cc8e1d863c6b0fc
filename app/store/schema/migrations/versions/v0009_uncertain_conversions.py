"""Doubts are no conversions: they are counted among those that leave changes open no longer."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _add_doubts(-1)


def downgrade() -> None:
    _add_doubts(1)


def _add_doubts(sign: int) -> None:
    """To the column `uncertain`. Checksums of the rows that change mean nothing any more."""
    connection = op.get_bind()
    query = "SELECT id, recording_id, events_by_kind FROM vm WHERE uncertain IS NOT NULL"
    for vm_id, recording_id, events_by_kind in connection.execute(sa.text(query)).all():
        doubts = json.loads(events_by_kind).get("doubt", 0)
        if not doubts:
            continue
        change = "UPDATE vm SET uncertain = uncertain + :more, row_checksum = NULL WHERE id = :id"
        connection.execute(sa.text(change), {"more": sign * doubts, "id": vm_id})
        unseal = "UPDATE recording SET row_checksum = NULL WHERE id = :id"
        connection.execute(sa.text(unseal), {"id": recording_id})
