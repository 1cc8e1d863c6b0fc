"""Storms as they were found before retention took the events around them."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kept_storm",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("vm_id", sa.Integer(), nullable=False),
        sa.Column("storm_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("from_t", sa.BigInteger(), nullable=False),
        sa.Column("to_t", sa.BigInteger(), nullable=False),
        sa.Column("in_boot", sa.Boolean(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("page_faults", sa.BigInteger(), nullable=True),
        sa.Column("peak_per_second", sa.Float(), nullable=False),
        sa.Column("pages_changed", sa.BigInteger(), nullable=True),
        sa.Column("is_at_least", sa.Boolean(), nullable=False),
        sa.Column("row_checksum", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["vm_id"], ["vm.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("kept_storm_id", "kept_storm", ["vm_id", "storm_id"], unique=True)


def downgrade() -> None:
    op.drop_table("kept_storm")
