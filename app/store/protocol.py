"""What a producer (import, collector, simulator) may give to the store, in order of time."""

from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from app.model.guest import GuestMemfd, Memslot, VmIdentity

if TYPE_CHECKING:
    from app.model.events import EventArray


@dataclass(frozen=True, slots=True)
class RecordingHeader:
    """What is known of a recording when it begins."""

    name: str
    source: str  # "trace.dat", "bpftrace", "simulator", "tracefs", ...
    host: str
    clock: str  # the trace's own clock: "mono", "boot", "local", "simulated", ...
    clock_start_ns: int  # value of that clock at `from_t`
    wall_start_ns: int | None = None  # UNIX time then, None if it cannot be known
    kernel_release: str | None = None
    origin: str | None = None  # base name of the imported file
    origin_sha256: str | None = None
    from_t: int = 0  # later where a recording is gone on with
    boot_id: str | None = None  # of the kernel that was recorded live; None: not known
    coverage: dict[str, Any] = field(default_factory=dict)  # see collector.coverage


@dataclass(frozen=True, slots=True)
class StoredVm:
    """A VM that was alive when its recording ended."""

    vm_id: int
    identity: VmIdentity
    memslots: tuple[Memslot, ...]  # that were alive
    guest_memfds: tuple[GuestMemfd, ...]
    last_t: int
    open_losses: int  # that began, and did not end


@dataclass(frozen=True, slots=True)
class StoredRecording:
    """A live recording that is to be gone on with, as it ended."""

    recording_id: int
    complete_t: int
    last_t: int
    coverage: dict[str, Any]
    vms: tuple[StoredVm, ...]
    from_t: int  # of its last chapter, with the clocks at that instant
    boot_id: str | None
    clock_start_ns: int
    wall_start_ns: int | None


@dataclass(frozen=True, slots=True)
class Loss:
    """Events lost between two instants. `count` is None where only the fact is known."""

    from_t: int
    to_t: int
    count: int | None
    cpu: int | None
    source: str


class RecordingSink(Protocol):
    """One recording being written. All times are ns since its start and may not decrease per VM.

    Entering begins the recording; leaving normally finishes it as complete, leaving by an
    exception keeps what was given and marks it incomplete with the exception's message.
    """

    recording_id: int

    @property
    def visible_t(self) -> int:
        """Readers can see everything before it."""

    def add_vm(self, identity: VmIdentity) -> int:
        """Make a VM known; returns its id, valid for the calls below."""

    def update_vm(self, vm_id: int, identity: VmIdentity) -> None:
        """Replace what is known of a VM (as a name learned later). start_state stays."""

    def end_vm(self, vm_id: int, t: int, *, is_inferred: bool) -> None:
        """The VM is gone: its live memslots end at t."""

    def forget_vm(self, vm_id: int) -> None:
        """No more will be given of a VM that ended, but for `update_vm`: nothing of it need be
        kept in memory."""

    def add_guest_memfd(self, vm_id: int, guest_memfd: GuestMemfd) -> None: ...

    def set_memslot(self, vm_id: int, memslot: Memslot) -> None:
        """This (as_id, slot) exists from memslot.from_t on, in place of any before."""

    def delete_memslot(self, vm_id: int, as_id: int, slot: int, t: int) -> None: ...

    def append(self, vm_id: int, events: "EventArray") -> None:
        """Add events in order of effect time; effective_pages is filled in by the store."""

    def add_loss(self, loss: Loss) -> None:
        """Put a loss on record. The LOSS_BEGIN/LOSS_END events per VM are appended separately."""

    def update_coverage(self, coverage: dict[str, Any]) -> None: ...

    def mark_incomplete(self, reason: str) -> None:
        """The input was damaged or cut: finish as incomplete although nothing raised."""

    def advance(self, t: int) -> None:
        """Everything before t was given: what is buffered may be committed for readers to see."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None: ...
