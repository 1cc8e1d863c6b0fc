"""Puts what QEMUs answered over QMP beside the VMs that were found."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from collector.capture.inventory._qmp import QemuGuest, QmpError, ask_qemu
from collector.vm_inventory import FoundVm


def with_monitors(
    vms: Sequence[FoundVm], paths: Iterable[Path], notes: dict[str, None]
) -> list[FoundVm]:
    """The VMs with the names and memslots that the monitors at `paths` answered for theirs."""
    answered = dict(vm_and_guest for path in paths if (vm_and_guest := _ask(path, vms, notes)))
    return [_with(vm, answered[at]) if at in answered else vm for at, vm in enumerate(vms)]


def _ask(
    path: Path, vms: Sequence[FoundVm], notes: dict[str, None]
) -> tuple[int, QemuGuest] | None:
    """Which of the VMs answered, and what."""
    try:
        guest = ask_qemu(path)
    except QmpError as error:
        notes[f"QMP {path}: {error}"] = None
        return None
    at = _vm_of(guest, vms)
    if at is None:
        notes[f"QMP {path}: it answered, but none of the VMs that were found is its."] = None
        return None
    return at, guest


def _vm_of(guest: QemuGuest, vms: Sequence[FoundVm]) -> int | None:
    """By the process that listens; where another one handed the socket over, by the uuid."""
    owners = Counter(vm.process.pid for vm in vms)
    by_pid = [at for at, vm in enumerate(vms) if vm.process.pid == guest.pid]
    by_uuid = [at for at, vm in enumerate(vms) if guest.uuid and vm.process.uuid == guest.uuid]
    same = [at for at in by_pid or by_uuid if owners[vms[at].process.pid] == 1]
    return same[0] if len(same) == 1 else None


def _with(vm: FoundVm, guest: QemuGuest) -> FoundVm:
    name, uuid = vm.process.name or guest.name, vm.process.uuid or guest.uuid
    return replace(vm, process=replace(vm.process, name=name, uuid=uuid), memslots=guest.memslots)
