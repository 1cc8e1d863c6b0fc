"""Checksums of rows and blobs. Those of what is there already are not known: NULL."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_COLUMNS = {
    "recording": ("loss_checksum", "row_checksum"),
    "vm": ("memslot_checksum", "guest_memfd_checksum", "row_checksum"),
    "note": ("checksum",),
    "segment": ("row_checksum", "event_checksum", "change_checksum"),
    "keyframe": ("checksum",),
    "summary": ("cell_checksum", "timeline_checksum"),
}


def upgrade() -> None:
    for table, names in _COLUMNS.items():
        for name in names:
            op.add_column(table, sa.Column(name, sa.BigInteger(), nullable=True))


def downgrade() -> None:
    for table, names in _COLUMNS.items():
        for name in names:
            op.drop_column(table, name)
