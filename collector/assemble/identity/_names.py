"""What to call VMs so that people can distinguish them."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from app.model.guest import VmIdentity

Process = tuple[int | None, int | None]
"""pid and start time: a pid alone may be used again."""

RENAMED_YET = 64
"""So many VMs that ended last may still be called otherwise, on account of those that follow."""


class Named(Protocol):
    """`reported` is what the sink knows of `identity`."""

    sink_id: int
    identity: VmIdentity
    reported: VmIdentity


@dataclass(slots=True)
class Ended:
    """What is kept of a VM that is followed no longer, to name others."""

    sink_id: int
    identity: VmIdentity
    reported: VmIdentity


@dataclass(slots=True)
class _Kept:
    vm: Named
    stem: str = ""  # its name without its number
    number: int = 0  # among those of that stem, in the order in which they came by it


class Names:
    """Names all VMs of a recording, however many there were.

    Those of one process differ by their fd, those of several by their pid; what is left is
    numbered: a descriptor, and where starts are not recorded a pid, is used again. The name of a
    VM that ended long ago stays as it was reported.
    """

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}  # by sink id
        self._ended: deque[int] = deque()
        self._last_number: defaultdict[str, int] = defaultdict(int)  # by stem
        self._process_of: dict[str, Process | None] = {}
        """Of VMs that are kept no longer, by what they are called alike; None: several."""
        self._are_current = True

    def add(self, vm: Named) -> None:
        self._kept[vm.sink_id] = _Kept(vm)
        self._are_current = False

    def know_more(self) -> None:
        """A VM has another identity now."""
        self._are_current = False

    def end(self, vm: Named) -> None:
        """The VM is followed no longer."""
        self._kept[vm.sink_id].vm = Ended(vm.sink_id, vm.identity, vm.reported)
        self._ended.append(vm.sink_id)

    def news(self) -> Iterator[tuple[int, VmIdentity]]:
        """The VMs, by sink id, that are to be called otherwise than the sink knows, or of which
        more is known; it is taken to know that then."""
        if not self._are_current:
            yield from self._news()
        self._are_current = True
        while len(self._ended) > RENAMED_YET:
            vm = self._kept.pop(self._ended.popleft()).vm
            name, process = vm.identity.name, _process(vm.identity)
            is_same = self._process_of.get(name, process) == process
            self._process_of[name] = process if is_same else None

    def _news(self) -> Iterator[tuple[int, VmIdentity]]:
        vms_of = self._vms_of()
        for kept in self._kept.values():
            vm = kept.vm
            stem = _name(vm.identity, vms_of[vm.identity.name])
            if stem != kept.stem:
                self._last_number[stem] += 1
                kept.stem, kept.number = stem, self._last_number[stem]
            name = stem if kept.number == 1 else f"{stem} #{kept.number}"
            identity = replace(vm.identity, name=name)
            if identity != vm.reported:
                vm.reported = identity
                yield vm.sink_id, identity

    def _vms_of(self) -> defaultdict[str, Counter[Process]]:
        """How many VMs of each process are called alike."""
        vms_of: defaultdict[str, Counter[Process]] = defaultdict(Counter)
        for kept in self._kept.values():
            vms_of[kept.vm.identity.name][_process(kept.vm.identity)] += 1
        for name in vms_of.keys() & self._process_of.keys():
            process = self._process_of[name]
            vms_of[name].update(_SEVERAL if process is None else (process,))
        return vms_of


_SEVERAL: Iterable[Process] = ((None, -1), (None, -2))
"""Stands for the processes of VMs that are kept no longer."""


def _name(identity: VmIdentity, vms_of: Counter[Process]) -> str:
    name = identity.name
    if len(vms_of) > 1 and identity.pid is not None:
        name = f"{name} (pid {identity.pid})"
    if vms_of[_process(identity)] > 1 and _process(identity) != (None, None):
        fd = "" if identity.vm_fd is None else f" fd {identity.vm_fd}"
        name = f"{name} vm{fd}"
    return name


def _process(identity: VmIdentity) -> Process:
    return identity.pid, identity.process_start_ns
