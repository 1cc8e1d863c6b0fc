"""What running QEMUs answer over QMP about their guests: names, and memslots as `info mtree -f` and
`info ramblock` print them; put beside the VMs that were found."""

import asyncio
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collector.vm_inventory import FoundMemslot

if TYPE_CHECKING:
    from qemu.qmp import QMPClient

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from app.model.guest import GFN_LIMIT, PAGE_SHIFT, PAGE_SIZE
from collector.vm_inventory import FoundVm

_ADDRESS_SPACES = {"memory": 0, "KVM-SMRAM": 1}
"""QEMU's names of those that KVM knows (target/i386/kvm/kvm.c, register_smram_listener)."""

_VIEW = re.compile(r"FlatView #\d+")
_SPACE = re.compile(r' AS "([^"]*)", root: ')
_RANGE = re.compile(
    r"  ([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, [^)]*\): "
    r"(.*?)(?: @([0-9a-f]{16}))?((?: KVM)+)"
)
"""A range ends with KVM for each address space in which exactly this range is a memslot
(system/memory.c, mtree_print_flatview; accel/kvm/kvm-all.c, kvm_accel_has_memory)."""

_BLOCK = re.compile(
    r"\s*(\S.*?)\s+\d+ \S+\s+0x[0-9a-f]+ 0x[0-9a-f]+ 0x([0-9a-f]+) 0x([0-9a-f]+)\s+r[ow]"
)
"""Name, page size, offset, used, total, and in newer versions the address (system/physmem.c,
ram_block_format)."""


def memslots_of(tree: str, blocks: str) -> tuple[FoundMemslot, ...]:
    """Memslots by `info mtree -f`; where they are in QEMU's memory by `info ramblock`."""
    addresses = dict(_addresses(blocks))
    found: dict[tuple[int, int], FoundMemslot] = {}
    spaces: list[int] = []
    for line in tree.splitlines():
        if _VIEW.fullmatch(line.strip()):
            spaces = []
        elif (space := _SPACE.match(line)) and space[1] in _ADDRESS_SPACES:
            spaces.append(_ADDRESS_SPACES[space[1]])
        elif slot := _RANGE.fullmatch(line.rstrip()):
            for as_id in spaces[: slot[5].count("KVM")]:
                memslot = _memslot(slot, as_id, addresses)
                found[as_id, memslot.base_gfn] = memslot
    return tuple(found[key] for key in sorted(found))


def _memslot(slot: re.Match[str], as_id: int, addresses: Mapping[str, int]) -> FoundMemslot:
    first, last, into = int(slot[1], 16), int(slot[2], 16), int(slot[4] or "0", 16)
    is_even = first % PAGE_SIZE == 0 and (last + 1) % PAGE_SIZE == 0
    if not is_even or not first < last < GFN_LIMIT << PAGE_SHIFT:
        raise ValueError(f"no memslot has the range {first:#x}-{last:#x}")
    address = _address(slot[3], addresses)
    return FoundMemslot(
        base_gfn=first >> PAGE_SHIFT,
        npages=(last + 1 - first) >> PAGE_SHIFT,
        userspace_addr=None if address is None else address + into,
        as_id=as_id,
    )


def _addresses(blocks: str) -> Iterator[tuple[str, int]]:
    for line in blocks.splitlines():
        if block := _BLOCK.fullmatch(line):
            yield block[1], int(block[3], 16)


def _address(region: str, addresses: Mapping[str, int]) -> int | None:
    """Blocks are called by their region, often after the path of its device."""
    same = [at for name, at in addresses.items() if name == region or name.endswith(f"/{region}")]
    return same[0] if len(same) == 1 else None


MOST_SECONDS = 5.0
NO_UUID = "00000000-0000-0000-0000-000000000000"


class QmpError(Exception):
    """Why a QEMU could not be asked."""


@dataclass(frozen=True, slots=True)
class QemuGuest:
    """`pid` is whoever listens on the socket: QEMU, or who started it (libvirt) and handed the
    socket over."""

    pid: int
    name: str | None
    uuid: str | None
    memslots: tuple[FoundMemslot, ...]


def ask_qemu(path: Path) -> QemuGuest:
    """Ask the QEMU whose monitor (`-qmp unix:PATH`) is at `path`. Raises QmpError."""
    try:
        from qemu.qmp import QMPError
    except ImportError:
        reason = "the library qemu.qmp is not installed: pip install 'gmemscope[qmp]'"
        raise QmpError(reason) from None
    try:
        return asyncio.run(asyncio.wait_for(_ask(path), MOST_SECONDS))
    except TimeoutError:
        raise QmpError(
            f"no answer in {MOST_SECONDS:.0f} s: a monitor talks to one client at a time, and "
            "another one may have it"
        ) from None
    except (OSError, QMPError, KeyError, TypeError, ValueError) as error:
        raise QmpError(str(error) or type(error).__name__) from error


async def _ask(path: Path) -> QemuGuest:
    from qemu.qmp import QMPClient

    peer = socket.socket(socket.AF_UNIX)
    try:
        peer.setblocking(False)
        await asyncio.get_running_loop().sock_connect(peer, str(path))
        pid = _listener(peer)
        client = QMPClient("gmemscope")
        await client.connect(peer)
    except BaseException:
        peer.close()
        raise
    try:
        return await _questions(client, pid)
    finally:
        await client.disconnect()


async def _questions(client: "QMPClient", pid: int) -> QemuGuest:
    name = (await _execute(client, "query-name")).get("name")
    uuid = (await _execute(client, "query-uuid")).get("UUID")
    tree = await _monitor(client, "info mtree -f")
    blocks = await _monitor(client, "info ramblock")
    return QemuGuest(pid, name, None if uuid == NO_UUID else uuid, memslots_of(tree, blocks))


async def _monitor(client: "QMPClient", line: str) -> str:
    """What the human monitor prints. (x-query-ramblock is the same text, in fewer versions.)"""
    answer = await client.execute("human-monitor-command", {"command-line": line})
    return str(answer)


async def _execute(client: "QMPClient", command: str) -> dict[str, Any]:
    answer = await client.execute(command)
    if not isinstance(answer, dict):
        raise ValueError(f"{command} answered {answer!r}")
    return answer


def _listener(peer: socket.socket) -> int:
    """unix(7): struct ucred of the process that called listen(2)."""
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid: int = struct.unpack("3i", credentials)[0]
    return pid


def with_monitors(
    vms: Sequence[FoundVm], paths: Iterable[Path], notes: dict[str, None]
) -> list[FoundVm]:
    """The VMs with the names and memslots that the monitors at `paths` answered for theirs."""
    answered = dict(
        vm_and_guest for path in paths if (vm_and_guest := _answer_of(path, vms, notes))
    )
    return [_with(vm, answered[at]) if at in answered else vm for at, vm in enumerate(vms)]


def _answer_of(
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
