"""Notes that people pin to a VM's history."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "vm", sa.Column("notes_revision", sa.Integer(), nullable=False, server_default="0")
    )
    op.create_table(
        "note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("vm_id", sa.Integer(), nullable=False),
        sa.Column("from_t", sa.BigInteger(), nullable=False),
        sa.Column("to_t", sa.BigInteger(), nullable=True),
        sa.Column("gfn", sa.BigInteger(), nullable=True),
        sa.Column("npages", sa.BigInteger(), nullable=True),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=True),
        sa.Column("written_ns", sa.BigInteger(), nullable=False),
        sa.Column("changed_ns", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["vm_id"], ["vm.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_note_vm_id", "note", ["vm_id"])


def downgrade() -> None:
    op.drop_table("note")
    op.drop_column("vm", "notes_revision")
