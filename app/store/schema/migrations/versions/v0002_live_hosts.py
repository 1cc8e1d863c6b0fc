"""What a live host adds: who a VMM is, and facts that nobody recorded."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("vm", sa.Column("process_start_ns", sa.BigInteger(), nullable=True))
    op.add_column("vm", sa.Column("guest_uuid", sa.String(), nullable=True))
    with op.batch_alter_table("guest_memfd") as guest_memfd:
        guest_memfd.add_column(sa.Column("dev", sa.BigInteger(), nullable=True))
        guest_memfd.add_column(sa.Column("ino", sa.BigInteger(), nullable=True))
    _may_be_unknown("guest_memfd", "flags", "created_t", is_so=True)
    _may_be_unknown("memslot", "flags", "userspace_addr", is_so=True)


def downgrade() -> None:
    op.execute("DELETE FROM memslot WHERE flags IS NULL OR userspace_addr IS NULL")
    op.execute("DELETE FROM guest_memfd WHERE flags IS NULL OR created_t IS NULL")
    _may_be_unknown("memslot", "flags", "userspace_addr", is_so=False)
    _may_be_unknown("guest_memfd", "flags", "created_t", is_so=False)
    for table, columns in (("guest_memfd", ("dev", "ino")), ("vm", _OF_VM)):
        for column in columns:
            op.drop_column(table, column)


_OF_VM = ("process_start_ns", "guest_uuid")


def _may_be_unknown(table: str, *columns: str, is_so: bool) -> None:
    with op.batch_alter_table(table) as altered:
        for column in columns:
            altered.alter_column(column, existing_type=sa.BigInteger(), nullable=is_so)
