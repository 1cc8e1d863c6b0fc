"""The tables: rare things as rows, floods as segments (docs/schema.md describes both).

Times are ns since the recording's start, ranges half-open, gfns in 4 KiB pages. Row ids are never
used twice, so that readers may cache by id.
"""

from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, LargeBinary
from sqlmodel import Field, SQLModel

from app.model.guest import Certainty, PageState
from app.store.schema._columns import EnumName, Unsigned64

SCHEMA_VERSION = "0013"
"""The newest migration; a database that names a later one was written by a later gmemscope."""


EDITION = 3
"""What the segments of a VM hold."""
WITH_FAULTS = 2
"""From this edition on, summaries hold page faults."""
WITH_CHURN = 3
"""From this edition on, changes mark returns, and which 2 MiB block became mixed."""


class RecordingState(StrEnum):
    WRITING = "writing"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    """Something is missing; incomplete_reason names it."""
    DELETING = "deleting"
    """Its segments are being removed; no reader shows it any more."""


def _new_uuid() -> str:
    return str(uuid4())


def _parent(table: str) -> Column[int]:
    return Column(
        Integer, ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=False, index=True
    )


class Host(SQLModel, table=True):
    """A machine that was observed."""

    __table_args__ = {"sqlite_autoincrement": True}
    id: int = Field(default=None, primary_key=True)
    name: str = Field(unique=True)


class Recording(SQLModel, table=True):
    """One continuous observation of one host."""

    __table_args__ = {"sqlite_autoincrement": True}
    id: int = Field(default=None, primary_key=True)
    uuid: str = Field(default_factory=_new_uuid, unique=True)
    host_id: int = Field(sa_column=_parent("host"))
    name: str
    source: str
    origin: str | None = None
    origin_sha256: str | None = None
    clock: str
    clock_start_ns: int = Field(sa_type=Unsigned64)
    wall_start_ns: int | None = Field(default=None, sa_type=BigInteger)
    kernel_release: str | None = None
    coverage: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    state: str = Field(default=RecordingState.WRITING, index=True)
    incomplete_reason: str | None = None
    writer_pid: int | None = None  # of the process that writes it, None once finished
    is_live: bool = False  # it was written while it happened
    last_t: int = Field(default=0, sa_type=BigInteger)  # latest time stored
    complete_t: int = Field(default=0, sa_type=BigInteger)  # everything before it is stored
    lost_events: int = Field(default=0, sa_type=BigInteger)  # of the losses whose count is known
    losses: int = 0
    loss_checksum: int | None = Field(default=None, sa_type=BigInteger)  # see app.store.database
    row_checksum: int | None = Field(default=None, sa_type=BigInteger)


class Chapter(SQLModel, table=True):
    """One run of a recorder: a live recording has one for each time that it was gone on with."""

    __table_args__ = {"sqlite_autoincrement": True}
    id: int = Field(default=None, primary_key=True)
    recording_id: int = Field(sa_column=_parent("recording"))
    from_t: int = Field(sa_type=BigInteger)  # from then on it recorded
    to_t: int | None = Field(default=None, sa_type=BigInteger)  # NULL: it still does
    boot_id: str | None = None  # of the host's kernel; NULL: not known
    clock_start_ns: int = Field(sa_type=BigInteger)  # the recording's clock at from_t
    wall_start_ns: int | None = Field(default=None, sa_type=BigInteger)  # UNIX time then
    kernel_release: str | None = None
    source: str
    ended: str | None = None  # why, in words; NULL: it goes on


class Vm(SQLModel, table=True):
    """One VM of a recording, with what its segments add up to."""

    __table_args__ = {"sqlite_autoincrement": True}
    id: int = Field(default=None, primary_key=True)
    uuid: str = Field(default_factory=_new_uuid, unique=True)
    recording_id: int = Field(sa_column=_parent("recording"))
    name: str
    pid: int | None = None
    process_start_ns: int | None = Field(default=None, sa_type=BigInteger)  # boot clock
    guest_uuid: str | None = None  # what the VMM calls the guest
    vm_fd: int | None = None
    vm_type: int | None = Field(default=None, sa_type=BigInteger)
    kvm_pointer: int | None = Field(default=None, sa_type=Unsigned64)
    created_t: int | None = Field(default=None, sa_type=BigInteger)
    created_certainty: Certainty = Field(sa_column=Column(EnumName(Certainty), nullable=False))
    ended_t: int | None = Field(default=None, sa_type=BigInteger)
    ended_is_inferred: bool = False
    start_state: PageState = Field(sa_column=Column(EnumName(PageState), nullable=False))
    is_unattributed: bool = False
    may_be_several: bool = Field(default=False, sa_column_kwargs={"server_default": "0"})
    revision: int = 0  # grows with every commit that touches the VM's segments or memslots
    last_t: int = Field(default=0, sa_type=BigInteger)  # effect time of its latest event
    events: int = Field(default=0, sa_type=BigInteger)
    events_by_kind: dict[str, int] = Field(default_factory=dict, sa_type=JSON)
    requested: int = Field(default=0, sa_type=BigInteger)  # conversions, whatever became of them
    applied: int = Field(default=0, sa_type=BigInteger)
    failed: int = Field(default=0, sa_type=BigInteger)
    unconfirmed: int = Field(default=0, sa_type=BigInteger)
    to_unknown: int | None = Field(default=None, sa_type=BigInteger)
    """Applied conversions whose direction is not recorded. NULL: not counted then."""
    uncertain: int | None = Field(default=None, sa_type=BigInteger)
    """Conversions that leave open what they changed (app.model.events). NULL: not counted then."""
    effective_pages: int = Field(default=0, sa_type=BigInteger)
    pages_t: int | None = Field(default=None, sa_type=BigInteger)  # NULL: now; see private_pages
    private_pages: int = Field(default=0, sa_type=BigInteger)  # in memslots live at pages_t
    shared_pages: int = Field(default=0, sa_type=BigInteger)
    unknown_pages: int = Field(default=0, sa_type=BigInteger)
    mixed_blocks: int = Field(default=0, sa_type=BigInteger)
    lost_events: int = Field(default=0, sa_type=BigInteger)  # of its LOSS_BEGIN events with a count
    layout_is_known: bool = False  # a memslot was seen at least once
    notes_revision: int = 0  # grows with every change of the VM's notes
    edition: int = Field(default=EDITION, sa_column_kwargs={"server_default": "1"})
    memslot_checksum: int | None = Field(default=None, sa_type=BigInteger)  # see app.store.database
    guest_memfd_checksum: int | None = Field(default=None, sa_type=BigInteger)
    row_checksum: int | None = Field(default=None, sa_type=BigInteger)


class GuestMemfdRow(SQLModel, table=True):
    __tablename__ = "guest_memfd"
    id: int = Field(default=None, primary_key=True)
    vm_id: int = Field(sa_column=_parent("vm"))
    fd: int
    size: int = Field(sa_type=Unsigned64)
    flags: int | None = Field(sa_type=Unsigned64)  # NULL: its creation was not seen
    created_t: int | None = Field(sa_type=BigInteger)  # NULL: before the recording
    dev: int | None = Field(default=None, sa_type=Unsigned64)  # st_dev and st_ino
    ino: int | None = Field(default=None, sa_type=Unsigned64)


class MemslotRow(SQLModel, table=True):
    """One memslot between two calls that changed it."""

    __tablename__ = "memslot"
    __table_args__ = (Index("memslot_slot", "vm_id", "as_id", "slot"),)
    id: int = Field(default=None, primary_key=True)
    vm_id: int = Field(foreign_key="vm.id", ondelete="CASCADE")
    as_id: int
    slot: int  # negative: which id it has is not known
    base_gfn: int = Field(sa_type=BigInteger)
    npages: int = Field(sa_type=BigInteger)
    flags: int | None = Field(sa_type=BigInteger)  # NULL: not known
    backing: str
    backing_certainty: Certainty = Field(sa_column=Column(EnumName(Certainty), nullable=False))
    userspace_addr: int | None = Field(sa_type=Unsigned64)  # NULL: not known
    guest_memfd: int | None = None
    guest_memfd_offset: int | None = Field(default=None, sa_type=Unsigned64)
    from_t: int = Field(sa_type=BigInteger)
    to_t: int | None = Field(default=None, sa_type=BigInteger)  # NULL while alive


class LossRow(SQLModel, table=True):
    """Events lost between two instants; count is NULL where only the fact is known."""

    __tablename__ = "loss"
    id: int = Field(default=None, primary_key=True)
    recording_id: int = Field(sa_column=_parent("recording"))
    from_t: int = Field(sa_type=BigInteger)
    to_t: int = Field(sa_type=BigInteger)
    count: int | None = Field(default=None, sa_type=BigInteger)
    cpu: int | None = None
    source: str


class Note(SQLModel, table=True):
    """What a person wrote about an instant or an interval of a VM's time."""

    __table_args__ = {"sqlite_autoincrement": True}
    id: int = Field(default=None, primary_key=True)
    vm_id: int = Field(sa_column=_parent("vm"))
    from_t: int = Field(sa_type=BigInteger)
    to_t: int | None = Field(default=None, sa_type=BigInteger)  # NULL: an instant
    gfn: int | None = Field(default=None, sa_type=BigInteger)  # NULL: about no place in particular
    npages: int | None = Field(default=None, sa_type=BigInteger)
    text: str
    author: str | None = None
    written_ns: int = Field(sa_type=BigInteger)  # UNIX time
    changed_ns: int | None = Field(default=None, sa_type=BigInteger)  # NULL: as it was written
    revision: int = 1  # grows with every change
    checksum: int | None = Field(default=None, sa_type=BigInteger)  # of the row


class Segment(SQLModel, table=True):
    """An interval of one VM's events with the changes they made. Blobs: app.store.codecs."""

    __table_args__ = (
        Index("segment_order", "vm_id", "number", unique=True),
        {"sqlite_autoincrement": True},
    )
    id: int = Field(default=None, primary_key=True)
    vm_id: int = Field(foreign_key="vm.id", ondelete="CASCADE")
    number: int = Field(sa_type=BigInteger)  # order in the VM; a merged one keeps its first part's
    is_tail: bool = False  # may still be merged with its neighbours
    first_seq: int = Field(sa_type=BigInteger)  # events before it in the VM
    event_count: int
    first_change: int = Field(sa_type=BigInteger)  # changes before it in the VM
    change_count: int
    first_t: int = Field(sa_type=BigInteger)  # of effects
    last_t: int = Field(sa_type=BigInteger)
    first_gfn: int = Field(sa_type=BigInteger)  # of all changes and of events with a range
    end_gfn: int = Field(sa_type=BigInteger)
    event_blob: bytes = Field(sa_type=LargeBinary)
    change_blob: bytes = Field(sa_type=LargeBinary)
    row_checksum: int | None = Field(default=None, sa_type=BigInteger)  # see app.store.checksums
    event_checksum: int | None = Field(default=None, sa_type=BigInteger)
    change_checksum: int | None = Field(default=None, sa_type=BigInteger)


class Keyframe(SQLModel, table=True):
    """The page map as it was after a segment's last row."""

    segment_id: int = Field(
        sa_column=Column(Integer, ForeignKey("segment.id", ondelete="CASCADE"), primary_key=True)
    )
    memslot_ids: list[int] = Field(sa_type=JSON)  # alive then
    blob: bytes = Field(sa_type=LargeBinary)  # PageMap.to_bytes
    checksum: int | None = Field(default=None, sa_type=BigInteger)  # of the blob and its row


class Summary(SQLModel, table=True):
    """What a sealed segment adds to zoomed-out views (app.model.raster, timeline_summary)."""

    segment_id: int = Field(
        sa_column=Column(Integer, ForeignKey("segment.id", ondelete="CASCADE"), primary_key=True)
    )
    quantum_shift: int  # its quanta are 2^quantum_shift ns
    block_shift: int  # its blocks are 2^block_shift pages
    cell_blob: bytes = Field(sa_type=LargeBinary)
    timeline_blob: bytes = Field(sa_type=LargeBinary)
    cell_checksum: int | None = Field(default=None, sa_type=BigInteger)  # of the blob and its row
    timeline_checksum: int | None = Field(default=None, sa_type=BigInteger)


class CoarseSummary(SQLModel, table=True):
    """What many consecutive sealed segments together add to windows that are wide in time."""

    __tablename__ = "coarse_summary"
    __table_args__ = {"sqlite_autoincrement": True}
    id: int = Field(default=None, primary_key=True)
    vm_id: int = Field(sa_column=_parent("vm"))
    first_segment_id: int
    last_segment_id: int
    segments: int
    level: int  # 4^level segments
    quantum_shift: int  # of its cells
    timeline_shift: int | None = None  # of its timeline; NULL: as of its cells
    timeline_blob: bytes = Field(sa_type=LargeBinary)
    row_checksum: int = Field(sa_type=BigInteger)
    timeline_checksum: int = Field(sa_type=BigInteger)  # of the blob and its row


class CoarseCells(SQLModel, table=True):
    """The cells of a coarse summary in some blocks; those of one shift are its whole memory."""

    __tablename__ = "coarse_cells"
    __table_args__ = {"sqlite_autoincrement": True}
    id: int = Field(default=None, primary_key=True)
    coarse_summary_id: int = Field(sa_column=_parent("coarse_summary"))
    block_shift: int
    first_block: int = Field(sa_type=BigInteger)
    end_block: int = Field(sa_type=BigInteger)
    cells: int
    blob: bytes = Field(sa_type=LargeBinary)
    row_checksum: int = Field(sa_type=BigInteger)
    checksum: int = Field(sa_type=BigInteger)  # of the blob and its row


class Partitioning(SQLModel, table=True):
    """How the events and changes of a coarse summary's segments are stored once more, by gfn."""

    __table_args__ = {"sqlite_autoincrement": True}
    id: int = Field(default=None, primary_key=True)
    coarse_summary_id: int = Field(sa_column=_parent("coarse_summary"))
    partitions: int  # with the one of what lies within none
    directory_blob: bytes = Field(sa_type=LargeBinary)  # first gfn and rows of each
    row_checksum: int = Field(sa_type=BigInteger)
    directory_checksum: int = Field(sa_type=BigInteger)  # of the blob and its row


class GfnPartition(SQLModel, table=True):
    """What lies within some gfns, in order of effect; the last one what lies within none alone."""

    __tablename__ = "gfn_partition"
    __table_args__ = (
        Index("gfn_partition_order", "partitioning_id", "number", unique=True),
        {"sqlite_autoincrement": True},
    )
    id: int = Field(default=None, primary_key=True)
    partitioning_id: int = Field(foreign_key="partitioning.id", ondelete="CASCADE")
    number: int
    event_blob: bytes = Field(sa_type=LargeBinary)
    change_blob: bytes = Field(sa_type=LargeBinary)
    row_checksum: int = Field(sa_type=BigInteger)
    event_checksum: int = Field(sa_type=BigInteger)
    change_checksum: int = Field(sa_type=BigInteger)


class KeptStorm(SQLModel, table=True):
    """A storm, or the guest's boot, as it was found before retention took events around it."""

    __tablename__ = "kept_storm"
    __table_args__ = (
        Index("kept_storm_id", "vm_id", "storm_id", unique=True),
        {"sqlite_autoincrement": True},
    )
    id: int = Field(default=None, primary_key=True)
    vm_id: int = Field(foreign_key="vm.id", ondelete="CASCADE")
    storm_id: str
    kind: str
    from_t: int = Field(sa_type=BigInteger)
    to_t: int = Field(sa_type=BigInteger)
    in_boot: bool
    calls: int = Field(sa_type=BigInteger)
    failed: int = Field(sa_type=BigInteger)
    page_faults: int | None = Field(default=None, sa_type=BigInteger)  # of a boot, if recorded
    peak_per_second: float
    pages_changed: int | None = Field(default=None, sa_type=BigInteger)
    is_at_least: bool  # pages_changed is a lower bound
    row_checksum: int = Field(sa_type=BigInteger)
