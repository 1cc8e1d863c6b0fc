"""What a VM's pages were just before it ended: its memslots went with it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("vm", sa.Column("pages_t", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("vm", "pages_t")
