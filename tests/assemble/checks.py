"""Comparison of what was recorded with the ground truth of that very run."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.model.events import EventArray, effect_time
from app.model.guest import Certainty, EventKind, Outcome, PageState, To
from app.store.protocol import RecordingHeader
from collector.importing import Imported, format_of, import_file
from tests.assemble.conversion_truth import K4, PRIVATE, TrueConversion, TrueVm, Truth
from tests.assemble.memory_sink import MemorySink, Pages, RecordedVm

SLACK_NS = 2_000
"""The recorders' clocks agree with the truth's within this."""


@dataclass(frozen=True)
class Imports:
    sink: MemorySink
    header: RecordingHeader
    result: Imported


def imported(path: Path) -> Imports:
    sink = MemorySink()
    headers: list[RecordingHeader] = []

    def open_sink(header: RecordingHeader) -> MemorySink:
        headers.append(header)
        return sink

    result = import_file(path, format_of(path), open_sink)
    return Imports(sink, headers[0], result)


def matched(run: Imports, truth: Truth) -> list[tuple[RecordedVm, TrueVm]]:
    """Recorded VMs beside true ones, in order of creation; there must be as many."""
    recorded = sorted(run.sink.named(), key=lambda vm: vm.identity.created_t or 0)
    true = sorted(truth.vms, key=lambda vm: vm.created)
    assert [vm.identity.vm_fd for vm in recorded] == [vm.fd for vm in true]
    return list(zip(recorded, true, strict=True))


def check_conversions(run: Imports, vm: RecordedVm, true: TrueVm, *, ranges: bool) -> None:
    """Order, thread, times, results; with `ranges` also every range and direction."""
    rows = vm.conversions
    expected = sorted(true.conversions, key=lambda c: c.t1)
    assert len(rows) == len(expected)
    for row, call in zip(rows, expected, strict=True):
        _check_call(run.header.clock_start_ns, row, call)
        if ranges and call.gpa is not None and row["outcome"] == Outcome.APPLIED:
            assert row["range_certainty"] == Certainty.SEEN
        if row["range_certainty"] == Certainty.SEEN:
            _check_range(row, call)


def _check_call(start_ns: int, row: EventArray, call: TrueConversion) -> None:
    t = int(row["t"]) + start_ns
    assert call.t0 - SLACK_NS <= t
    assert t + int(row["latency_ns"]) <= call.t1 + SLACK_NS
    assert row["tid"] == call.tid
    assert row["errno"] == call.errno
    assert row["outcome"] == (Outcome.FAILED if call.errno else Outcome.APPLIED)


def _check_range(row: EventArray, call: TrueConversion) -> None:
    assert call.gpa is not None and call.size is not None and call.attributes is not None
    assert (int(row["gfn"]) << 12) + int(row["address_low"]) == call.gpa
    assert (int(row["npages"]) << 12) + int(row["size_low"]) == call.size
    assert row["to"] == (To.PRIVATE if call.attributes & PRIVATE else To.SHARED)
    assert row["aux"] == call.attributes


def check_memslots(run: Imports, vm: RecordedVm, true: TrueVm) -> None:
    """Every memslot with its lifetime. The end of a VM that was inferred may come late."""
    start = run.header.clock_start_ns
    assert len(vm.memslots) == len(true.memslots)
    for (slot, end), expected in zip(vm.memslots, true.memslots, strict=True):
        assert (slot.slot, slot.base_gfn, slot.npages, slot.flags, slot.userspace_addr) == (
            expected.slot,
            expected.gpa // K4,
            expected.size // K4,
            expected.flags,
            expected.hva,
        )
        assert (slot.guest_memfd, slot.guest_memfd_offset) == (
            expected.gmem_fd,
            expected.gmem_offset,
        )
        assert _is_within(slot.from_t + start, expected.begin)
        if end is None:
            assert expected.end is None or vm.ended is None
        elif vm.ended is not None and end == vm.ended[0]:
            assert expected.end is not None and end + start >= expected.end[0] - SLACK_NS
        else:
            assert expected.end is not None and _is_within(end + start, expected.end)
    errnos = [int(e["errno"]) for e in vm.events if e["kind"] == EventKind.MEMSLOT]
    assert errnos == true.memslot_errnos


def _is_within(t: int, call: tuple[int, int]) -> bool:
    return call[0] - SLACK_NS <= t <= call[1] + SLACK_NS


def instants(
    vm: RecordedVm, true: TrueVm, start_ns: int
) -> Iterator[tuple[Pages, set[int], set[int]]]:
    """Recorded and true state between each two returns of the VM's conversions, and which pages
    something was said of since the instant before."""
    events = vm.events
    times = effect_time(events) + start_ns
    pages, private, touched, at = Pages(vm.identity.start_state), set[int](), set[int](), 0
    calls = sorted(true.conversions, key=lambda c: c.t1)
    for call, following in zip(calls, [*calls[1:], None][: len(calls)], strict=True):
        if not call.errno and call.gpa is not None and call.size is not None:
            gfns = range(call.gpa // K4, (call.gpa + call.size) // K4)
            is_private = bool(call.attributes and call.attributes & PRIVATE)
            private.update(gfns) if is_private else private.difference_update(gfns)
            touched.update(gfns)
        if following is not None and following.t0 <= call.t1 + SLACK_NS:
            continue  # another thread's call is under way: the order within it is not certain
        until = call.t1 + SLACK_NS if following is None else (call.t1 + following.t0) // 2
        while at < len(events) and times[at] <= until:
            pages.apply(events[at])
            first = int(events["gfn"][at])
            touched.update(range(first, first + int(events["npages"][at])))
            at += 1
        yield pages, private, touched
        touched.clear()


def check_state(run: Imports, vm: RecordedVm, true: TrueVm, *, everything_is_known: bool) -> None:
    """At every instant: what is said to be private or shared is so; with
    `everything_is_known` nothing may be left unknown.

    Of a page that nothing was said of since the instant before, nothing else is to be said, but
    that it is unknown after a loss.
    """
    count = 0
    for pages, private, touched in instants(vm, true, run.header.clock_start_ns):
        count += 1
        if everything_is_known:
            assert pages.start_state == PageState.SHARED
        for gfn in touched:
            state = pages.at(gfn)
            if everything_is_known:
                assert state != PageState.UNKNOWN
            assert state == PageState.UNKNOWN or (state == PageState.PRIVATE) == (gfn in private)
    assert count > 0 or not true.conversions
