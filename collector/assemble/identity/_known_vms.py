"""All VMs of a recording, as the sink knows them: made known, named, ended, forgotten."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from app.model.guest import Certainty, VmIdentity
from app.store.protocol import RecordingSink
from collector.assemble.identity._live_vm import UNATTRIBUTED, Caller, LiveVm
from collector.assemble.identity._names import Names
from collector.assemble.identity._processes import Processes
from collector.assemble.memslots import GuestMemfdFile, LiveMemslots

REGIONS_CONVERT = (
    "KVM_MEMORY_ENCRYPT_REG_REGION takes guest addresses here: it is the conversion itself, as in"
    " the private-memory series of 2022."
)
REGIONS_PIN = (
    "KVM_MEMORY_ENCRYPT_REG_REGION takes the VMM's own addresses here: it pins memory, as for SEV,"
    " and converts none."
)


MAY_BE_SEVERAL = (
    "Calls of several VMs may stand under one, or those of one under several: nothing "
    "distinguishes the processes of some threads, or events were lost between calls on one "
    "descriptor. Pages that depend on it are unknown. Beside a trace of VMs that still run, what "
    "`gmemscope recipe processes` lists names whose their threads are."
)


class KnownVms:
    def __init__(self, sink: RecordingSink) -> None:
        self._sink = sink
        self._names = Names()
        self._live: dict[int, LiveVm] = {}  # by sink id
        self._ended: list[LiveVm] = []  # since `settle`
        self._lingering: list[LiveVm] = []  # ended before, but a guest_memfd of theirs is open
        self._unattributed: LiveVm | None = None
        self._dialects: set[str] = set()
        self._has_doubts = False

    def live(self) -> Iterator[LiveVm]:
        return iter(self._live.values())

    def of_process(self, process: int) -> Iterator[LiveVm]:
        return (vm for vm in self.live() if vm.process == process)

    def with_file(self, file: GuestMemfdFile) -> Iterator[LiveVm]:
        """The VMs of a guest_memfd, those that ended among them: it may outlive its VM, and what
        is done to it then is done to memory of that."""
        return (vm for vm in (*self.live(), *self._ended, *self._lingering) if file in vm.files)

    @property
    def unattributed_if_any(self) -> LiveVm | None:
        return self._unattributed

    @property
    def unattributed(self) -> LiveVm:
        """Where events go whose VM is not known; made when first needed."""
        if self._unattributed is None:
            sink_id = self._sink.add_vm(UNATTRIBUTED)
            self._unattributed = LiveVm(
                sink_id, UNATTRIBUTED, UNATTRIBUTED, None, LiveMemslots(False)
            )
        return self._unattributed

    def is_unattributed(self, vm: LiveVm) -> bool:
        return vm is self._unattributed

    @property
    def notes(self) -> tuple[str, ...]:
        """For people: whether VMs may be several, and which dialects of
        KVM_MEMORY_ENCRYPT_REG_REGION they spoke."""
        self._note_dialects(self.live())
        dialects = tuple(n for n in (REGIONS_CONVERT, REGIONS_PIN) if n in self._dialects)
        return (MAY_BE_SEVERAL, *dialects) if self._has_doubts else dialects

    def _note_dialects(self, vms: Iterable[LiveVm]) -> None:
        for vm in vms:
            self._dialects |= {REGIONS_CONVERT} if vm.regions_are_gpas else set()
            self._dialects |= {REGIONS_PIN} if vm.pins_regions else set()

    def add(self, identity: VmIdentity, process: int | None, *, is_losing: bool) -> LiveVm:
        sink_id = self._sink.add_vm(identity)
        is_complete = identity.created_certainty != Certainty.UNKNOWN and not is_losing
        vm = LiveVm(sink_id, identity, identity, process, LiveMemslots(is_complete))
        self._names.add(vm)
        vm.lost_something = is_losing
        self._live[sink_id] = vm
        return vm

    def take_up(self, sink_id: int, identity: VmIdentity, process: int | None) -> LiveVm:
        """A VM that the sink knows already; events of it were lost since."""
        if identity.is_unattributed:
            layout = LiveMemslots(False)
            self._unattributed = LiveVm(sink_id, UNATTRIBUTED, UNATTRIBUTED, None, layout)
            return self._unattributed
        vm = LiveVm(sink_id, identity, identity, process, LiveMemslots(False), lost_something=True)
        self._names.add(vm)
        self._live[sink_id] = vm
        return vm

    def identify(self, vm: LiveVm, identity: VmIdentity) -> None:
        """More is known of a VM; the sink learns it with its name."""
        vm.identity = identity
        self._names.know_more()

    def doubt(self, vm: LiveVm) -> None:
        """Calls of several VMs may be taken for its, or its calls for another's."""
        vm.layout.is_complete = False
        if not vm.identity.may_be_several and not vm.identity.is_unattributed:
            self._has_doubts = True
            self.identify(vm, replace(vm.identity, may_be_several=True))

    def end(self, vm: LiveVm, t: int, *, is_inferred: bool) -> None:
        vm.has_ended = True
        self._sink.end_vm(vm.sink_id, max(t, vm.last_t), is_inferred=is_inferred)
        del self._live[vm.sink_id]
        self._ended.append(vm)

    def settle(
        self, open_memfds: Callable[[], frozenset[GuestMemfdFile]], keeping: LiveVm | None
    ) -> list[LiveVm]:
        """Between floods: give the sink what became known of VMs, with names that distinguish them.
        Returns those that ended and are forgotten now: no guest_memfd of theirs is open."""
        self._note_dialects(self._ended)
        for vm in self._ended:
            self._names.end(vm)
        for sink_id, identity in self._names.news():
            self._sink.update_vm(sink_id, identity)
        ended = [vm for vm in (*self._lingering, *self._ended) if vm is not keeping]
        are_open = open_memfds() if ended else frozenset[GuestMemfdFile]()
        forgotten = [vm for vm in ended if are_open.isdisjoint(vm.files)]
        self._lingering = [vm for vm in ended if not are_open.isdisjoint(vm.files)]
        self._ended = []
        for vm in forgotten:
            self._sink.forget_vm(vm.sink_id)
        return forgotten


class Rivals:
    """`owner` returns the group of a thread, as in Vms."""

    def __init__(self, known: KnownVms, processes: Processes, owner: Callable[[int], int]) -> None:
        self._known = known
        self._processes = processes
        self._owner = owner

    def of(self, vm: LiveVm) -> list[LiveVm]:
        """Other VMs that may be the same one: a descriptor of the same number names them, and
        nothing distinguishes the processes that have it."""
        if vm.process is None:
            return []
        return [
            other
            for other in self._on_fds(vm.process, vm.fds)
            if vm.kvm is None or other.kvm is None
        ]

    def candidates(self, caller: Caller) -> list[LiveVm]:
        """The VMs, known by calls of others, that a thread may mean by an fd: those of processes
        that it may be of. Without an fd any of these, and of its own."""
        if caller.fd >= 0:
            return self._on_fds(self._owner(caller.tid), {caller.fd})
        return self.of_whom(caller.tid)

    def of_whom(self, tid: int) -> list[LiveVm]:
        """The VMs of the thread's process, and of those that it may be of."""
        return [vm for vm in self._known.live() if self.may_have(tid, vm.process)]

    def may_have(self, tid: int, process: int | None) -> bool:
        """Whether a VM of that process may be of the thread's."""
        return process is None or self._processes.may_be_one(self._owner(tid), process)

    def _on_fds(self, owner: int, fds: set[int]) -> list[LiveVm]:
        """VMs behind one of these numbers in groups of threads that may be of that process."""
        return [
            vm
            for vm in self._known.live()
            if vm.process is not None
            and vm.process != owner
            and not vm.fds.isdisjoint(fds)
            and self._processes.may_be_one(owner, vm.process)
        ]
