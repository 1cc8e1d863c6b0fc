"""`gmemscope list`: hosts, recordings and VMs with their ids."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.commands.usage import Database, Json, open_to_read

if TYPE_CHECKING:
    from app.queries.inventory import RecordingView, VmView
    from app.store.schema import Host


def command(database: Database = None, as_json: Json = False) -> None:
    """List hosts, recordings and VMs with their ids."""
    from app.queries.inventory import recording_views, vm_view
    from app.store.catalogue import Catalogue

    reader = Catalogue(open_to_read(database))
    hosts, recordings = reader.hosts(), recording_views(reader)
    vms = [vm_view(reader, vm) for vm in reader.vms(include_unattributed=True)]
    print(as_text(hosts, recordings, vms) if not as_json else to_json(hosts, recordings, vms))


def to_json(
    hosts: "Sequence[Host]", recordings: "Sequence[RecordingView]", vms: "Sequence[VmView]"
) -> str:
    from pydantic_core import to_jsonable_python

    return json.dumps(
        {
            "hosts": [{"id": host.id, "name": host.name} for host in hosts],
            "recordings": to_jsonable_python(recordings),
            "vms": to_jsonable_python(vms),
        }
    )


def as_text(
    hosts: "Sequence[Host]", recordings: "Sequence[RecordingView]", vms: "Sequence[VmView]"
) -> str:
    """A tree: host, its recordings, their VMs."""
    lines = []
    for host in hosts:
        lines.append(f"host {host.id}  {host.name}")
        for recording in recordings:
            if recording.host_id != host.id:
                continue
            lines.append(recording_line(recording))
            lines += [vm_line(vm) for vm in vms if vm.recording == recording.id]
    return "\n".join(lines) or "nothing recorded yet; `gmemscope import FILE` or `gmemscope demo`"


def recording_line(recording: "RecordingView") -> str:
    state = recording.state
    if recording.incomplete_reason:
        state += f": {recording.incomplete_reason}"
    return (
        f"  recording {recording.id}  {recording.name}  [{recording.source}]  "
        f"{recording.last_t / 1e9:.3f} s  {state}"
    )


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
