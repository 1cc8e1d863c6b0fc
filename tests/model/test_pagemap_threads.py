"""One page map is listed by many threads at once: readers share it."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from app.model.events import EVENT, RunArray
from app.model.guest import Backing, Certainty, EventKind, Memslot, PageState
from app.model.pagemap import PageMap

PAGES = 1 << 18


def fragmented_map() -> PageMap:
    page_map = PageMap(PageState.SHARED)
    page_map.set_memslot(Memslot(0, 0, PAGES, 4, Backing.MIXED, Certainty.SEEN, 0))
    rng = np.random.default_rng(0)
    events = np.zeros(50_000, EVENT)
    events["t"] = np.arange(len(events))
    events["kind"], events["range_certainty"] = EventKind.CONVERSION, Certainty.SEEN
    events["gfn"], events["npages"] = rng.integers(0, PAGES - 8, len(events)), 3
    events["to"] = rng.integers(0, 2, len(events))
    page_map.apply(events, 0)
    return page_map


def test_threads_that_list_at_once_see_what_one_alone_sees() -> None:
    page_map = fragmented_map()
    windows = [(first, first + 60_000) for first in range(0, 200_000, 4_000)]

    def runs(window: tuple[int, int]) -> RunArray:
        return page_map.runs(*window)

    alone = [runs(window) for window in windows]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(runs, windows * 4))

    for expected, found in zip(alone * 4, together, strict=True):
        np.testing.assert_array_equal(found, expected)
