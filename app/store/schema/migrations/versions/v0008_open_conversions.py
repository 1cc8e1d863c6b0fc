"""How many conversions leave open what they changed; NULL of VMs stored before: not counted."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("vm", sa.Column("to_unknown", sa.BigInteger(), nullable=True))
    op.add_column("vm", sa.Column("uncertain", sa.BigInteger(), nullable=True))
    # They were taken without these columns (app.store.database): nothing can be checked by them.
    op.execute("UPDATE vm SET row_checksum = NULL")
    op.execute("UPDATE recording SET row_checksum = NULL")


def downgrade() -> None:
    op.drop_column("vm", "uncertain")
    op.drop_column("vm", "to_unknown")
