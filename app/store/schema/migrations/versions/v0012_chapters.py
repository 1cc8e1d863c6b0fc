"""Chapters: the runs of a recorder that one recording is made of. Recordings made before have none,
and are not gone on with."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chapter",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("recording_id", sa.Integer(), nullable=False),
        sa.Column("from_t", sa.BigInteger(), nullable=False),
        sa.Column("to_t", sa.BigInteger(), nullable=True),
        sa.Column("boot_id", sa.String(), nullable=True),
        sa.Column("clock_start_ns", sa.BigInteger(), nullable=False),
        sa.Column("wall_start_ns", sa.BigInteger(), nullable=True),
        sa.Column("kernel_release", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("ended", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_chapter_recording_id", "chapter", ["recording_id"])


def downgrade() -> None:
    op.drop_table("chapter")
