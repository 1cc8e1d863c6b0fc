"""`gmemscope snapshot`: the VMs that run now, or ran when a host crashed, at one instant."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.usage import Database, Json, open_engine
from app.errors import CommandError, HostError, UsageError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from collector.capture.agent import Snapshot

Vmcore = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Read this crash dump in place of the running host."),
]
Vmlinux = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The kernel's debug information, if it is not installed."),
]
Pids = Annotated[
    list[int] | None,
    typer.Option("--pid", metavar="PID", help="Only VMs of this process; may be repeated."),
]
Monitors = Annotated[
    list[Path] | None,
    typer.Option("--qmp", metavar="PATH", help="A QEMU's QMP socket; may be repeated."),
]


def command(
    vmcore: Vmcore = None,
    vmlinux: Vmlinux = None,
    pid: Pids = None,
    qmp: Monitors = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Record how the VMs of this host are right now, without watching them.

    Which pages are private only the kernel's memory shows: drgn reads it, given the kernel's debug
    information. Without it there are still the VMs, their names, the guest_memfds with their
    pages, and by --qmp the memslots of QEMUs.
    """
    for path in (vmcore, vmlinux):
        if path is not None and not path.is_file():
            raise UsageError(f"there is no file {path}")
    if vmcore is not None and qmp:
        raise UsageError("--qmp asks a running QEMU: it does not go with --vmcore")
    check_files(vmcore, vmlinux)
    pids = list(pid or ())
    engine = open_engine(database)
    snapshot = snapshot_of(pids, list(qmp or ()), vmcore, vmlinux)
    summary = record(engine, snapshot)
    print(json.dumps(summary) if as_json else "\n".join(summary_lines(summary)))


def check_files(vmcore: Path | None, vmlinux: Path | None) -> None:
    """Raises CommandError before anything is stored."""
    from collector.capture.kernel_memory import WrongFileError, check_vmcore, check_vmlinux

    try:
        if vmcore is not None:
            check_vmcore(vmcore)
        if vmlinux is not None:
            check_vmlinux(vmlinux, vmcore)
    except WrongFileError as error:
        raise CommandError(str(error)) from error


def snapshot_of(
    pids: list[int], qmp: list[Path], vmcore: Path | None, vmlinux: Path | None
) -> "Snapshot":
    """Raises HostError where drgn is missing, CommandError if the vmcore cannot be read."""
    from collector.capture.agent import snapshot_of_host, snapshot_of_vmcore
    from collector.capture.kernel_memory import KernelUnreadableError, NoDrgnError

    if vmcore is None:
        return snapshot_of_host(pids, qmp, vmlinux)
    try:
        return snapshot_of_vmcore(vmcore, vmlinux, pids)
    except NoDrgnError as error:
        raise HostError(f"a vmcore cannot be read: {error}") from error
    except KernelUnreadableError as error:
        raise CommandError(f"{vmcore.name}: {error}; nothing was kept") from error


def record(engine: "Engine", snapshot: "Snapshot") -> dict[str, Any]:
    """Store it; what `gmemscope import --json` prints of a recording, and each VM's pages."""
    from app.commands.usage import summarise
    from app.store.write import RecordingWriter
    from collector.capture.agent import record as record_snapshot

    recording_id = record_snapshot(snapshot, lambda header: RecordingWriter(engine, header))
    summary = summarise(engine, recording_id, lost_events=None)
    for name in ("already_imported", "lost_events", "losses", "conversions", "missing"):
        del summary[name]
    return summary | {
        "vms": [vm | pages_of(engine, vm["id"]) for vm in summary["vms"]],
        "notes": list(snapshot.found.notes),
    }


def pages_of(engine: "Engine", vm_id: int) -> dict[str, Any]:
    from app.store.read import Reader

    reader = Reader(engine)
    vm = reader.vm(vm_id)
    return {
        "uuid": vm.guest_uuid,
        "memslots": len(reader.memslots(vm_id)),
        "guest_memfds": len(reader.guest_memfds(vm_id)),
        "private": vm.private_pages,
        "shared": vm.shared_pages,
        "unknown": vm.unknown_pages,
    }


def summary_lines(summary: dict[str, Any]) -> Iterator[str]:
    count = len(summary["vms"])
    yield f"recording {summary['recording']}: {count} VM{'' if count == 1 else 's'} at one instant"
    for vm in summary["vms"]:
        yield (
            f"  vm {vm['id']}: {vm['name']} (pid {vm['pid']}), {vm['memslots']} memslots, "
            f"{vm['guest_memfds']} guest_memfds; pages: {vm['private']:,} private, "
            f"{vm['shared']:,} shared, {vm['unknown']:,} unknown"
        )
    yield from (f"  {note}" for note in summary["notes"])
