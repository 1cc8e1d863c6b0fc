"""Partitions: what many segments hold once more, by gfn. Recordings made before have none: their
narrow windows are read from segments. Timelines of coarse summaries have quanta of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("coarse_summary", sa.Column("timeline_shift", sa.Integer(), nullable=True))
    op.create_table(
        "partitioning",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("coarse_summary_id", sa.Integer(), nullable=False),
        sa.Column("partitions", sa.Integer(), nullable=False),
        sa.Column("directory_blob", sa.LargeBinary(), nullable=False),
        sa.Column("row_checksum", sa.BigInteger(), nullable=False),
        sa.Column("directory_checksum", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["coarse_summary_id"], ["coarse_summary.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_partitioning_coarse_summary_id", "partitioning", ["coarse_summary_id"])
    op.create_table(
        "gfn_partition",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("partitioning_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("event_blob", sa.LargeBinary(), nullable=False),
        sa.Column("change_blob", sa.LargeBinary(), nullable=False),
        sa.Column("row_checksum", sa.BigInteger(), nullable=False),
        sa.Column("event_checksum", sa.BigInteger(), nullable=False),
        sa.Column("change_checksum", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["partitioning_id"], ["partitioning.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "gfn_partition_order", "gfn_partition", ["partitioning_id", "number"], unique=True
    )


def downgrade() -> None:
    op.drop_table("gfn_partition")
    op.drop_table("partitioning")
    op.drop_column("coarse_summary", "timeline_shift")
