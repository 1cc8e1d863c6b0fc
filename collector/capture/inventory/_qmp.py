"""What a running QEMU answers about its guest over QMP: its name and its memslots.

QEMU answers neither ids nor flags of memslots, nor what is private. It is asked, never ordered.
"""

import asyncio
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collector.capture.inventory._qemu_memory import memslots_of
from collector.vm_inventory import FoundMemslot

if TYPE_CHECKING:
    from qemu.qmp import QMPClient

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
