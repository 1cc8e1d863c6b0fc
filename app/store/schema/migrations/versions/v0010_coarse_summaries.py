"""Coarse summaries: what many segments together add to wide windows. Recordings made before have
none, and are drawn from the summaries of their segments."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "coarse_summary",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("vm_id", sa.Integer(), nullable=False),
        sa.Column("first_segment_id", sa.Integer(), nullable=False),
        sa.Column("last_segment_id", sa.Integer(), nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("quantum_shift", sa.Integer(), nullable=False),
        sa.Column("timeline_blob", sa.LargeBinary(), nullable=False),
        sa.Column("row_checksum", sa.BigInteger(), nullable=False),
        sa.Column("timeline_checksum", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["vm_id"], ["vm.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_coarse_summary_vm_id", "coarse_summary", ["vm_id"])
    op.create_table(
        "coarse_cells",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("coarse_summary_id", sa.Integer(), nullable=False),
        sa.Column("block_shift", sa.Integer(), nullable=False),
        sa.Column("first_block", sa.BigInteger(), nullable=False),
        sa.Column("end_block", sa.BigInteger(), nullable=False),
        sa.Column("cells", sa.Integer(), nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.Column("row_checksum", sa.BigInteger(), nullable=False),
        sa.Column("checksum", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["coarse_summary_id"], ["coarse_summary.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_coarse_cells_coarse_summary_id", "coarse_cells", ["coarse_summary_id"])


def downgrade() -> None:
    op.drop_table("coarse_cells")
    op.drop_table("coarse_summary")
