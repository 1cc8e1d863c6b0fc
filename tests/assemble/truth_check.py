"""What a recording says of pages, against what its VMMs noted, at instants over all its length."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from conversion_truth import K4, PRIVATE, TrueVm, read_truth
from memory_sink import MemorySink, RecordedVm

from app.model.events import EventArray, PageState, effect_time
from app.model.pagemap import PageMap

SLACK_NS = 2_000
"""The recorders' clocks agree with the truth's within this."""
INSTANTS = 60


def of_truths(sink: MemorySink, paths: list[Path], start_ns: int) -> Counter[str]:
    """How many pages were looked at, how many of them were said to be known, how many wrongly.

    VMs are compared by process and descriptor, as far as the recording reaches.
    """
    true = [vm for path in paths for vm in read_truth(path).vms]
    found: Counter[str] = Counter()
    for vm in sink.named():
        ours = [t for t in true if (t.pid, t.fd) == (vm.identity.pid, vm.identity.vm_fd)]
        for t, state in _states(vm, sink.reached):
            at = t + start_ns
            alive = [one for one in ours if one.created <= at and (one.ended or at + 1) > at]
            if len(alive) == 1:
                found += _compared(state, *_private(alive[0], at))
    return found


def _states(vm: RecordedVm, reached: int) -> Iterator[tuple[int, dict[int, PageState]]]:
    """Of each page that a conversion named."""
    events: EventArray = vm.events
    if not len(events):
        return
    effects, page_map, done = effect_time(events), PageMap(vm.identity.start_state), 0
    end = reached if vm.ended is None else vm.ended[0]
    which = np.linspace(0, len(events) - 1, min(len(events), INSTANTS)).astype(int)
    for t in np.unique(np.concatenate((effects[which] - 1, effects[which] + 1))).tolist():
        if t < max(vm.identity.created_t or 0, 0) or t > end:
            continue
        upto = int(np.searchsorted(effects, t, side="right"))
        page_map.apply(events[done:upto], done)
        done = upto
        yield (
            t,
            {
                gfn: PageState(state)
                for first, npages, state in page_map.runs(within_memslots=False).tolist()
                for gfn in range(first, first + npages)
            },
        )


def _private(vm: TrueVm, at: int) -> tuple[set[int], set[int]]:
    """The private gfns, and those of which a call is under way."""
    private, busy = set[int](), set[int]()
    for call in vm.conversions:
        if call.errno or call.gpa is None or call.size is None or call.t0 > at + SLACK_NS:
            continue
        gfns = range(call.gpa // K4, (call.gpa + call.size) // K4)
        if call.t1 >= at - SLACK_NS:
            busy.update(gfns)
        elif call.attributes is not None and call.attributes & PRIVATE:
            private.update(gfns)
        else:
            private.difference_update(gfns)
    return private, busy


def _compared(state: dict[int, PageState], private: set[int], busy: set[int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for gfn, said in state.items():
        if gfn not in busy:
            found["pages"] += 1
            found["known"] += said != PageState.UNKNOWN
            is_wrong = (said == PageState.PRIVATE) != (gfn in private)
            found["wrong"] += is_wrong and said != PageState.UNKNOWN
    return found
