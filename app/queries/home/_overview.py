"""What the first page shows of each VM: enough to see which one needs a look."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.model.events import RunArray
from app.model.guest import EventKind, PageState
from app.model.raster import Timeline
from app.model.stats import EventQuery, only
from app.queries.figures import TotalsView, row_id, totals_view
from app.queries.inventory import RecordingView, recording_views
from app.queries.live import LiveStorm
from app.queries.maps import edges_of
from app.store.read import Reader
from app.store.schema import Vm
from app.store.segments import Version

COUNTED = EventKind.POPULATION.name.lower()
_COUNTS = EventQuery(where=only(EventKind.POPULATION))
"""As `Vm.events_by_kind` calls it."""


@dataclass(frozen=True, slots=True)
class Population:
    """Pages that existed at an instant, over all guest_memfds of a VM."""

    pages: int
    t: int


def last_population(reader: Reader, vm: Vm) -> Population | None:
    """None if nobody counted."""
    if not vm.events_by_kind.get(COUNTED):
        return None
    last: Population | None = None
    for events, _ in reader.iter_events(row_id(vm), _COUNTS):
        if not len(events):
            continue
        t = int(events["t"][-1])
        pages = int(events["aux"][events["t"] == t].sum())
        before = last.pages if last is not None and last.t == t else 0
        last = Population(pages + before, t)
    return last


STRIP_BINS = 160
TIMELINE_BUCKETS = 80
NS_PER_S = 10**9
RECENT_NS = 10 * NS_PER_S
"""How far back the conversions a second of a live VM are counted."""


@dataclass(frozen=True, slots=True)
class AddressStrip:
    """The addresses that have a state, lowest first and laid end to end, in equal bins."""

    private: npt.NDArray[np.float64]  # share of each bin's pages
    unknown: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rate:
    """Conversions asked for, a second, over an interval."""

    per_second: float
    over_ns: int


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn of a VM, as far as its history reaches."""

    at: int  # the instant of totals and strip
    totals: TotalsView
    strip: AddressStrip | None  # None: no page has a state
    timeline: Timeline


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that needs a look."""

    what: str
    count: int | None  # None: not known, or only one


@dataclass(frozen=True, slots=True)
class VmOverview:
    """A VM as a row of the first page."""

    vm: Vm
    recording: RecordingView
    is_live: bool  # it is, and somebody watches it
    picture: Picture
    rate: Rate  # of a live VM, lately; else over its whole life
    population: Population | None  # None: nobody counted
    concerns: tuple[Concern, ...]  # worst first
    storms: tuple[LiveStorm, ...] | None  # by start; None: nobody looked for them

    @property
    def running(self) -> list[LiveStorm]:
        """Storms that go on."""
        return [storm for storm in self.storms or () if not storm.is_over]


@dataclass(frozen=True, slots=True)
class HostOverview:
    """A host, its VMs, those that need a look first, and its recordings in which none was seen."""

    name: str
    vms: list[VmOverview]
    empty: list[RecordingView]  # newest first


class Overviews:
    """Shows what there is, and keeps what it showed of VMs that did not change since."""

    def __init__(
        self, reader: Reader, storms_of: Callable[[int], tuple[LiveStorm, ...] | None]
    ) -> None:
        self._reader = reader
        self._storms_of = storms_of

    def hosts(self) -> list[HostOverview]:
        """All hosts, those with the VM that needs a look most first."""
        vms: dict[int, list[Vm]] = {}
        for vm in self._reader.vms():
            vms.setdefault(vm.recording_id, []).append(vm)
        hosts: dict[str, HostOverview] = {}
        for recording in reversed(recording_views(self._reader)):
            host = hosts.setdefault(recording.host, HostOverview(recording.host, [], []))
            host.vms.extend(self._vm(vm, recording) for vm in vms.get(recording.id, ()))
            if recording.id not in vms:
                host.empty.append(recording)
        for host in hosts.values():
            host.vms.sort(key=urgency)
        return sorted(hosts.values(), key=host_urgency)

    def _vm(self, vm: Vm, recording: RecordingView) -> VmOverview:
        is_live = recording.is_live and vm.ended_t is None
        life = life_of(self._reader, vm, recording)
        state, counted = (vm.revision, *about_a_bucket(life)), vm.events_by_kind.get(COUNTED, 0)
        picture = self._reader.cache.get(
            ("picture", row_id(vm), state),
            lambda: picture_of(self._reader, vm, life),
            version=Version(("picture", row_id(vm)), state),
        )
        rate = rate_of(self._reader, vm, life, is_live=is_live)
        population = self._reader.cache.get(
            ("population", row_id(vm), counted),
            lambda: last_population(self._reader, vm),
            version=Version(("population", row_id(vm)), (counted,)),
        )
        return VmOverview(
            vm,
            recording,
            is_live,
            picture,
            rate,
            population,
            concerns_of(vm, recording),
            self._storms_of(row_id(vm)),
        )


def urgency(one: VmOverview) -> tuple[bool, bool, bool, bool, int, int]:
    """Sorts what needs a look most first: of what is live and then of the rest, storms that go on,
    losses, failures, what is newest."""
    has_lost = bool(one.recording.losses) or one.recording.state == "incomplete"
    return (
        not one.is_live,
        not one.running,
        not has_lost,
        not one.vm.failed,
        -one.recording.id,
        row_id(one.vm),
    )


def host_urgency(host: HostOverview) -> tuple[bool, list[tuple[bool, bool, bool, bool, int, int]]]:
    """Sorts hosts by what needs a look most; those where nothing was seen and nobody looks last."""
    is_over = not host.vms and not any(recording.is_live for recording in host.empty)
    return is_over, [urgency(vm) for vm in host.vms[:1]]


def life_of(reader: Reader, vm: Vm, recording: RecordingView) -> tuple[int, int]:
    """From the VM's creation to its end, or as far as it was recorded. Never empty."""
    first = max(vm.created_t or 0, 0)
    if vm.created_t is None and len(recording.chapters) > 1:
        first, _ = reader.span(row_id(vm))
    end = recording.last_t if vm.ended_t is None else vm.ended_t
    return first, max(end, vm.last_t, first + 1)


def about_a_bucket(life: tuple[int, int]) -> tuple[int, int]:
    """Changes as often as the end of a life moves by a good part of a bucket: of a VM in which
    nothing happens, there is nothing else to draw."""
    shift = max(0, ((life[1] - life[0]) // TIMELINE_BUCKETS).bit_length() - 1)
    return shift, life[1] >> shift


def picture_of(reader: Reader, vm: Vm, life: tuple[int, int]) -> Picture:
    at = last_memory(reader, vm, life[1])
    page_map = reader.page_map_at(row_id(vm), at)
    edges = reader.fit_edges(row_id(vm), edges_of(*life, TIMELINE_BUCKETS))
    return Picture(
        at=at,
        totals=totals_view(page_map.totals(), layout_is_known=vm.layout_is_known),
        strip=address_strip(page_map.runs(), STRIP_BINS),
        timeline=reader.timeline(row_id(vm), edges),
    )


def rate_of(reader: Reader, vm: Vm, life: tuple[int, int], *, is_live: bool) -> Rate:
    first, end = life
    if not is_live:
        return Rate(vm.requested * NS_PER_S / (end - first), end - first)
    since = max(first, end - RECENT_NS)
    if vm.last_t < since:
        return Rate(0, end - since)
    lately = reader.timeline(row_id(vm), np.array([since, end + 1]))
    return Rate(int(lately.requested[0]) * NS_PER_S / (end - since), end - since)


def last_memory(reader: Reader, vm: Vm, end: int) -> int:
    """The last instant at which a memslot was there; a VM may delete them before it ends."""
    if vm.ended_t is None and vm.private_pages + vm.shared_pages + vm.unknown_pages:
        return end
    last = end if vm.ended_t is None else max(0, vm.ended_t - 1)
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


def concerns_of(vm: Vm, recording: RecordingView) -> tuple[Concern, ...]:
    """Why this VM needs a look, worst first."""
    concerns = []
    if recording.losses:
        what = "event lost" if recording.lost_events == 1 else "events lost"
        concerns.append(Concern(what, recording.lost_events or None))
    if recording.state == "incomplete":
        concerns.append(Concern("recording incomplete", None))
    if vm.failed:
        concerns.append(Concern(f"failed {conversions(vm.failed)}", vm.failed))
    if vm.unconfirmed:
        concerns.append(Concern(f"unconfirmed {conversions(vm.unconfirmed)}", vm.unconfirmed))
    return tuple(concerns)


def conversions(count: int) -> str:
    return "conversion" if count == 1 else "conversions"
