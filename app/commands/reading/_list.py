"""`gmemscope list`: hosts, recordings with their sizes and ages, and VMs, with their ids."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.commands.usage import Database, Json, open_to_read

if TYPE_CHECKING:
    from app.queries.inventory import RecordingView, StorageView, VmView
    from app.store.schema import Host

Storage = dict[int, "StorageView"]
"""By recording."""


def command(database: Database = None, as_json: Json = False) -> None:
    """List hosts, recordings and VMs with their ids; what each recording takes of the database,
    and how long ago it ended."""
    from app.queries.inventory import recording_views, storage_views, vm_view
    from app.store.catalogue import Catalogue

    reader = Catalogue(open_to_read(database))
    hosts, recordings = reader.hosts(), recording_views(reader)
    vms = [vm_view(reader, vm) for vm in reader.vms(include_unattributed=True)]
    storage = {one.recording: one for one in storage_views(reader)}
    write = to_json if as_json else as_text
    print(write(hosts, recordings, vms, storage))


def to_json(
    hosts: "Sequence[Host]",
    recordings: "Sequence[RecordingView]",
    vms: "Sequence[VmView]",
    storage: "Storage",
) -> str:
    from pydantic_core import to_jsonable_python

    return json.dumps(
        {
            "hosts": [{"id": host.id, "name": host.name} for host in hosts],
            "recordings": [
                to_jsonable_python(one) | {"storage": to_jsonable_python(storage.get(one.id))}
                for one in recordings
            ],
            "vms": to_jsonable_python(vms),
        }
    )


def as_text(
    hosts: "Sequence[Host]",
    recordings: "Sequence[RecordingView]",
    vms: "Sequence[VmView]",
    storage: "Storage",
) -> str:
    """A tree: host, its recordings, their VMs."""
    lines = []
    for host in hosts:
        lines.append(f"host {host.id}  {host.name}")
        for recording in recordings:
            if recording.host_id != host.id:
                continue
            lines.append(recording_line(recording, storage.get(recording.id)))
            lines += chapter_lines(recording)
            lines += [vm_line(vm) for vm in vms if vm.recording == recording.id]
    return "\n".join(lines) or "nothing recorded yet; `gmemscope import FILE` or `gmemscope demo`"


def recording_line(recording: "RecordingView", storage: "StorageView | None") -> str:
    """`storage` is None of what was deleted meanwhile."""
    from app.queries.figures import text
    from app.queries.inventory import age_text

    takes = ""
    if storage is not None:
        takes = f"  {text.size(storage.segment_bytes)}, {age_text(storage)}"
    state = recording.state
    if recording.incomplete_reason:
        state += f": {recording.incomplete_reason}"
    return (
        f"  recording {recording.id}  {recording.name}  [{recording.source}]  "
        f"{recording.last_t / 1e9:.3f} s  {state}{takes}"
    )


def chapter_lines(recording: "RecordingView") -> list[str]:
    """Of a recording that was gone on with."""
    if len(recording.chapters) < 2:
        return []
    lines = []
    for number, one in enumerate(recording.chapters, start=1):
        to_t = recording.last_t if one.to_t is None else one.to_t
        ended = "it goes on" if one.ended is None else one.ended
        span = f"t+{one.from_t / 1e9:.3f} s to t+{to_t / 1e9:.3f} s"
        lines.append(f"    chapter {number}  {span}  {ended}")
    return lines


def vm_line(vm: "VmView") -> str:
    counts = vm.conversions
    return (
        f"    vm {vm.id}  {vm.name}  {process(vm)}{'may be several  ' * vm.may_be_several}"
        f"{counts.requested} conversion{'s' * (counts.requested != 1)} "
        f"({counts.failed} failed)  {memory(vm)}"
    )


def memory(vm: "VmView") -> str:
    from app.queries.figures import NOT_RECORDED, figure

    states = ("private", "shared", "unknown")
    if all(getattr(vm.totals, state) is None for state in states):
        return f"pages: {NOT_RECORDED}"
    return "pages: " + ", ".join(f"{state} {figure(vm.totals, state, str)}" for state in states)


def process(vm: "VmView") -> str:
    """Whose VM it is, as far as the recording shows."""
    known = {"pid": vm.pid, "fd": vm.vm_fd}
    return "".join(f"{name} {number}  " for name, number in known.items() if number is not None)
