"""What to call VMs so that people can tell them apart."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from app.model.layout import VmIdentity
from collector.assemble.live_vm import LiveVm

Process = tuple[int | None, int | None]
"""pid and start time: a pid alone may be used again."""


def told_apart(vms: Sequence[LiveVm]) -> Iterator[tuple[LiveVm, VmIdentity]]:
    """The VMs that are to be called otherwise than the sink was told, or of which more is known.

    Those of one process differ by their fd, those of several by their pid; what is left is
    numbered: a descriptor, and where nothing tells of starts a pid, is used again.
    """
    vms_of: defaultdict[str, Counter[Process]] = defaultdict(Counter)
    for vm in vms:
        vms_of[vm.identity.name][_process(vm.identity)] += 1
    used: Counter[str] = Counter()
    for vm in vms:
        name = _numbered(_name(vm.identity, vms_of[vm.identity.name]), used)
        identity = replace(vm.identity, name=name)
        if identity != vm.told:
            yield vm, identity


def _name(identity: VmIdentity, vms_of: Counter[Process]) -> str:
    name = identity.name
    if len(vms_of) > 1 and identity.pid is not None:
        name = f"{name} (pid {identity.pid})"
    if vms_of[_process(identity)] > 1 and _process(identity) != (None, None):
        fd = "" if identity.vm_fd is None else f" fd {identity.vm_fd}"
        name = f"{name} vm{fd}"
    return name


def _numbered(name: str, used: Counter[str]) -> str:
    used[name] += 1
    return name if used[name] == 1 else f"{name} #{used[name]}"


def _process(identity: VmIdentity) -> Process:
    return identity.pid, identity.process_start_ns
