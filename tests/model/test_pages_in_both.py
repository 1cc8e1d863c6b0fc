"""Pages counted word by word are those that runs list."""

import numpy as np
import pytest

from app.model.events import CHANGE
from app.model.guest import GFN_LIMIT, PageState
from app.model.pagemap import GROUP_SHIFT, LEAF_SHIFT, PageMap
from app.model.stats import ANYTHING, RunSet, put_into
from app.model.stats._pages_in_both import NEVER_NAMED, pages_in_both

STATES = (PageState.SHARED, PageState.PRIVATE, PageState.UNKNOWN)
LEAF, GROUP = 1 << LEAF_SHIFT, 1 << GROUP_SHIFT
ENDS = (0, LEAF, GROUP, GROUP + 5 * LEAF)
"""Ranges are drawn around these: they lie in words, leaves and groups, and across them."""


def painted(rng: np.random.Generator) -> PageMap:
    """A map with small and large pieces, some leaves and one group all alike."""
    changes = np.zeros(600, CHANGE)
    ends = rng.choice(ENDS, len(changes)).astype(np.int64)
    first = np.maximum(ends + rng.integers(-3000, 3000, len(changes)), 0)
    changes["gfn"], changes["npages"] = first, rng.integers(1, 200, len(changes))
    changes["after"] = rng.choice(STATES, len(changes))
    changes[:2]["gfn"], changes[:2]["npages"] = (2 * LEAF, 2 * GROUP), (LEAF * 3, GROUP)
    page_map = PageMap(PageState.SHARED)
    page_map.replay(changes)
    return page_map


def listed_runs(page_map: PageMap, state: PageState) -> RunSet:
    return RunSet.of(page_map.runs(within_memslots=False), state)


@pytest.mark.parametrize("seed", range(4))
def test_counts_are_those_of_runs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = painted(rng), painted(rng)
    bounds = np.unique(np.concatenate([np.array(ENDS) + rng.integers(0, 2000, 4) for _ in ENDS]))
    within = RunSet(bounds[0::2], bounds[1::2])
    everywhere = RunSet(np.array([0]), np.array([3 * GROUP + 77]))
    for place in (within, everywhere):
        for state in STATES:
            runs = listed_runs(one, state).meet(place)
            assert pages_in_both(one, put_into(state), other, ANYTHING, place) == runs.pages
            for second in STATES:
                both = runs.meet(listed_runs(other, second)).pages
                assert pages_in_both(one, put_into(state), other, put_into(second), place) == both
        rest = place.pages - sum(listed_runs(one, state).meet(place).pages for state in STATES)
        assert pages_in_both(one, NEVER_NAMED, other, ANYTHING, place) == rest


def test_nothing_is_counted_nowhere() -> None:
    page_map = PageMap(PageState.SHARED)
    nowhere = RunSet(np.zeros(0, np.int64), np.zeros(0, np.int64))
    whole = RunSet(np.array([0]), np.array([GFN_LIMIT]))
    assert pages_in_both(page_map, ANYTHING, page_map, ANYTHING, nowhere) == 0
    assert pages_in_both(page_map, NEVER_NAMED, page_map, ANYTHING, whole) == GFN_LIMIT
    assert pages_in_both(page_map, put_into(*STATES), page_map, ANYTHING, whole) == 0
