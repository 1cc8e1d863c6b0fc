"""Whether calls of several VMs may stand under one. Nobody asked so far: no."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "vm",
        sa.Column("may_be_several", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    # They were taken without this column (app.store.database): nothing can be checked by them.
    op.execute("UPDATE vm SET row_checksum = NULL")
    op.execute("UPDATE recording SET row_checksum = NULL")


def downgrade() -> None:
    op.drop_column("vm", "may_be_several")
