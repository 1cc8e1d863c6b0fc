"""Which gmemscope wrote a VM's segments: summaries hold more now."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("vm", sa.Column("edition", sa.Integer(), nullable=False, server_default="1"))


def downgrade() -> None:
    op.drop_column("vm", "edition")
