"""Recordings, VMs and their segments."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_recordings()
    _create_vms()
    _create_segments()


def downgrade() -> None:
    for table in (
        "summary",
        "keyframe",
        "segment",
        "memslot",
        "guest_memfd",
        "vm",
        "loss",
        "recording",
        "host",
    ):
        op.drop_table(table)


def _create_recordings() -> None:
    op.create_table(
        "host",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "recording",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.String(), nullable=False),
        sa.Column("host_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=True),
        sa.Column("origin_sha256", sa.String(), nullable=True),
        sa.Column("clock", sa.String(), nullable=False),
        sa.Column("clock_start_ns", sa.BigInteger(), nullable=False),
        sa.Column("wall_start_ns", sa.BigInteger(), nullable=True),
        sa.Column("kernel_release", sa.String(), nullable=True),
        sa.Column("coverage", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("incomplete_reason", sa.String(), nullable=True),
        sa.Column("writer_pid", sa.Integer(), nullable=True),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.Column("last_t", sa.BigInteger(), nullable=False),
        sa.Column("complete_t", sa.BigInteger(), nullable=False),
        sa.Column("lost_events", sa.BigInteger(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["host_id"], ["host.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uuid"),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_recording_host_id"), "recording", ["host_id"], unique=False)
    op.create_index(op.f("ix_recording_state"), "recording", ["state"], unique=False)
    op.create_table(
        "loss",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("recording_id", sa.Integer(), nullable=False),
        sa.Column("from_t", sa.BigInteger(), nullable=False),
        sa.Column("to_t", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=True),
        sa.Column("cpu", sa.Integer(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_loss_recording_id"), "loss", ["recording_id"], unique=False)


def _create_vms() -> None:
    op.create_table(
        "vm",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.String(), nullable=False),
        sa.Column("recording_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("vm_fd", sa.Integer(), nullable=True),
        sa.Column("vm_type", sa.BigInteger(), nullable=True),
        sa.Column("kvm_pointer", sa.BigInteger(), nullable=True),
        sa.Column("created_t", sa.BigInteger(), nullable=True),
        sa.Column("created_certainty", sa.String(length=16), nullable=False),
        sa.Column("ended_t", sa.BigInteger(), nullable=True),
        sa.Column("ended_is_inferred", sa.Boolean(), nullable=False),
        sa.Column("start_state", sa.String(length=16), nullable=False),
        sa.Column("is_unattributed", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("last_t", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("events_by_kind", sa.JSON(), nullable=False),
        sa.Column("requested", sa.BigInteger(), nullable=False),
        sa.Column("applied", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("unconfirmed", sa.BigInteger(), nullable=False),
        sa.Column("effective_pages", sa.BigInteger(), nullable=False),
        sa.Column("private_pages", sa.BigInteger(), nullable=False),
        sa.Column("shared_pages", sa.BigInteger(), nullable=False),
        sa.Column("unknown_pages", sa.BigInteger(), nullable=False),
        sa.Column("mixed_blocks", sa.BigInteger(), nullable=False),
        sa.Column("lost_events", sa.BigInteger(), nullable=False),
        sa.Column("layout_is_known", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uuid"),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_vm_recording_id"), "vm", ["recording_id"], unique=False)
    op.create_table(
        "guest_memfd",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("vm_id", sa.Integer(), nullable=False),
        sa.Column("fd", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("flags", sa.BigInteger(), nullable=False),
        sa.Column("created_t", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["vm_id"], ["vm.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_guest_memfd_vm_id"), "guest_memfd", ["vm_id"], unique=False)
    op.create_table(
        "memslot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("vm_id", sa.Integer(), nullable=False),
        sa.Column("as_id", sa.Integer(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("base_gfn", sa.BigInteger(), nullable=False),
        sa.Column("npages", sa.BigInteger(), nullable=False),
        sa.Column("flags", sa.BigInteger(), nullable=False),
        sa.Column("backing", sa.String(), nullable=False),
        sa.Column("backing_certainty", sa.String(length=16), nullable=False),
        sa.Column("userspace_addr", sa.BigInteger(), nullable=False),
        sa.Column("guest_memfd", sa.Integer(), nullable=True),
        sa.Column("guest_memfd_offset", sa.BigInteger(), nullable=True),
        sa.Column("from_t", sa.BigInteger(), nullable=False),
        sa.Column("to_t", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["vm_id"], ["vm.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("memslot_slot", "memslot", ["vm_id", "as_id", "slot"], unique=False)


def _create_segments() -> None:
    op.create_table(
        "segment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("vm_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("is_tail", sa.Boolean(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("event_count", sa.Integer(), nullable=False),
        sa.Column("first_change", sa.BigInteger(), nullable=False),
        sa.Column("change_count", sa.Integer(), nullable=False),
        sa.Column("first_t", sa.BigInteger(), nullable=False),
        sa.Column("last_t", sa.BigInteger(), nullable=False),
        sa.Column("first_gfn", sa.BigInteger(), nullable=False),
        sa.Column("end_gfn", sa.BigInteger(), nullable=False),
        sa.Column("event_blob", sa.LargeBinary(), nullable=False),
        sa.Column("change_blob", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["vm_id"], ["vm.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("segment_order", "segment", ["vm_id", "number"], unique=True)
    op.create_table(
        "keyframe",
        sa.Column("segment_id", sa.Integer(), nullable=False),
        sa.Column("memslot_ids", sa.JSON(), nullable=False),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["segment_id"], ["segment.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("segment_id"),
    )
    op.create_table(
        "summary",
        sa.Column("segment_id", sa.Integer(), nullable=False),
        sa.Column("quantum_shift", sa.Integer(), nullable=False),
        sa.Column("block_shift", sa.Integer(), nullable=False),
        sa.Column("cell_blob", sa.LargeBinary(), nullable=False),
        sa.Column("timeline_blob", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["segment_id"], ["segment.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("segment_id"),
    )
