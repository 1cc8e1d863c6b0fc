"""What the first page says of each VM: enough to see which one needs a look."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.model.events import PageState, RunArray
from app.model.pagemap import Totals
from app.model.timeline import Timeline
from app.store.reader import Reader
from app.store.tables import Vm
from app.views.last_instant import last_instant
from app.views.recordings import RecordingView, recording_views
from app.views.row_ids import row_id

STRIP_BINS = 160
TIMELINE_BUCKETS = 80


@dataclass(frozen=True, slots=True)
class AddressStrip:
    """The addresses that have a state, lowest first and laid end to end, in equal bins."""

    private: npt.NDArray[np.float64]  # share of each bin's pages
    unknown: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class VmOverview:
    """A VM as a row of the first page."""

    vm: Vm
    recording: RecordingView
    at: int  # the instant of totals and strip
    totals: Totals
    strip: AddressStrip | None  # None: no page has a state
    timeline: Timeline
    concerns: tuple[str, ...]  # why it needs a look, worst first


@dataclass(frozen=True, slots=True)
class HostOverview:
    """A host and its VMs, those that need a look first."""

    name: str
    vms: list[VmOverview]


def overview(reader: Reader) -> list[HostOverview]:
    """All hosts, those with the VM that needs a look most first."""
    hosts: dict[str, list[VmOverview]] = {}
    for recording in recording_views(reader):
        for vm in reader.vms(recording.id):
            hosts.setdefault(recording.host, []).append(vm_overview(reader, vm, recording))
    ordered = [HostOverview(name, sorted(vms, key=urgency)) for name, vms in hosts.items()]
    return sorted(ordered, key=lambda host: urgency(host.vms[0]))


def urgency(one: VmOverview) -> tuple[bool, bool, bool, int, int]:
    """Sorts what needs a look most first: losses, failures, what is live, what is newest."""
    has_lost = bool(one.recording.losses) or one.recording.state == "incomplete"
    return (
        not has_lost,
        not one.vm.failed,
        not one.recording.is_live,
        -one.recording.id,
        row_id(one.vm),
    )


def vm_overview(reader: Reader, vm: Vm, recording: RecordingView) -> VmOverview:
    vm_id = row_id(vm)
    at = last_memory(reader, vm)
    first, end = reader.span(vm_id)
    edges = np.unique(np.linspace(first, max(end, first + 1), TIMELINE_BUCKETS + 1, dtype=np.int64))
    page_map = reader.page_map_at(vm_id, at)
    return VmOverview(
        vm=vm,
        recording=recording,
        at=at,
        totals=page_map.totals(),
        strip=address_strip(page_map.runs(), STRIP_BINS),
        timeline=reader.timeline(vm_id, edges),
        concerns=concerns_of(vm, recording),
    )


def last_memory(reader: Reader, vm: Vm) -> int:
    """The last instant at which a memslot was there; a VM may delete them before it ends."""
    last = last_instant(reader, vm)
    ends = [slot.to_t for slot in reader.memslots(row_id(vm))]
    gone = [end for end in ends if end is not None]
    return min(last, max(gone) - 1) if gone and len(gone) == len(ends) else last


def address_strip(runs: RunArray, bins: int) -> AddressStrip | None:
    """Cut runs, laid end to end, into at most `bins` equal bins. None without any page."""
    ends = np.concatenate(([0], np.cumsum(runs["npages"].astype(np.int64))))
    if not ends[-1]:
        return None
    edges = np.linspace(0, ends[-1], min(bins, int(ends[-1])) + 1)

    def share(state: PageState) -> npt.NDArray[np.float64]:
        pages = np.where(runs["state"] == state, runs["npages"], 0).astype(np.int64)
        before = np.concatenate(([0], np.cumsum(pages)))
        return np.diff(np.interp(edges, ends, before)) / np.diff(edges)

    return AddressStrip(private=share(PageState.PRIVATE), unknown=share(PageState.UNKNOWN))


def concerns_of(vm: Vm, recording: RecordingView) -> tuple[str, ...]:
    """Why this VM needs a look, worst first."""
    concerns = []
    if recording.losses:
        concerns.append("events lost")
    if recording.state == "incomplete":
        concerns.append("recording incomplete")
    if vm.failed:
        concerns.append("failed conversions")
    if vm.unconfirmed:
        concerns.append("unconfirmed conversions")
    return tuple(concerns)
