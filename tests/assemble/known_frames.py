"""Every page that a recording says is known, beside what was true, at many instants."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from app.model.events import effect_time
from app.model.guest import PageState
from tests.assemble.checks import Imports
from tests.assemble.conversion_truth import TrueVm, Truth, private_pages
from tests.assemble.memory_sink import Pages, RecordedVm


@dataclass
class Frames:
    """Frames compared, summed over instants."""

    known: int = 0
    wrong: int = 0
    unknown: int = 0


def compare(run: Imports, truths: Sequence[Truth], instants: int = 60) -> Frames:
    """All VMs with an fd beside those that had it in truth, at instants when no call was under
    way."""
    frames = Frames()
    start = run.header.clock_start_ns
    times = list(_quiet(truths, start, instants))
    for vm in run.sink.named():
        for t, pages in _states(vm, times):
            true = _behind(vm, truths, t + start)
            if true is not None:
                _add(frames, pages, private_pages(true, t + start), true)
    return frames


def _quiet(truths: Sequence[Truth], start: int, count: int) -> Iterator[int]:
    """Times between two calls, evenly among these."""
    calls = sorted(
        (c.t0, c.t1) for truth in truths for vm in truth.vms for c in vm.conversions if c.t1 > start
    )
    reached = 0
    gaps = []
    for t0, t1 in calls:
        if reached and t0 - reached > 20_000:
            gaps.append((reached + t0) // 2 - start)
        reached = max(reached, t1)
    gaps.append(reached + 20_000 - start)
    yield from gaps[:: max(1, len(gaps) // count)]


def _states(vm: RecordedVm, times: list[int]) -> Iterator[tuple[int, Pages]]:
    events = vm.events
    effects = effect_time(events) if len(events) else np.zeros(0, np.int64)
    pages, at = Pages(vm.identity.start_state), 0
    for t in times:
        while at < len(events) and effects[at] <= t:
            pages.apply(events[at])
            at += 1
        is_there = vm.ended is None or t < vm.ended[0]
        if is_there and (vm.identity.created_t or 0) <= t:
            yield t, pages


def _behind(vm: RecordedVm, truths: Sequence[Truth], t: int) -> TrueVm | None:
    for truth in truths:
        for true in truth.vms:
            is_alive = true.created <= t and (true.ended is None or t < true.ended)
            if is_alive and (true.pid, true.fd) == (vm.identity.pid, vm.identity.vm_fd):
                return true
    return None


def _add(frames: Frames, pages: Pages, private: set[int], true: TrueVm) -> None:
    """Frames of its memslots with a guest_memfd: the others cannot be private."""
    for slot in true.memslots:
        first = slot.gpa >> 12
        for gfn in range(first, first + (slot.size >> 12)) if slot.gmem_fd is not None else ():
            state = pages.at(gfn)
            frames.unknown += state == PageState.UNKNOWN
            frames.known += state != PageState.UNKNOWN
            frames.wrong += state != PageState.UNKNOWN and (state == PageState.PRIVATE) != (
                gfn in private
            )
