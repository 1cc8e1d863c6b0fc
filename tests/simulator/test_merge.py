import numpy as np
import pytest
from hypothesis import given, strategies as st

from app.model.events import EventArray, effect_time
from app.model.guest import EventKind
from collector.simulator import GoneMemslot, Part, blank
from collector.simulator._merge import Scheduled, in_time_order


def rows(times: list[int], mark: int = 0) -> EventArray:
    made = blank(len(times), EventKind.CONVERSION)
    made["t"] = times
    made["tid"] = mark
    return made


def merged(*parts: Scheduled) -> list[tuple[int, int]]:
    plans = in_time_order(iter(sorted(parts, key=lambda part: part.begin)))
    batches = [plan for plan in plans if isinstance(plan, np.ndarray)]
    return [(int(row["t"]), int(row["tid"])) for batch in batches for row in batch]


def test_parts_are_woven_by_effect_time() -> None:
    first = Scheduled(0, Part([rows([1, 5, 9], 1)]))
    second = Scheduled(2, Part([rows([2, 6], 2), rows([10], 2)]))
    assert merged(first, second) == [(1, 1), (2, 2), (5, 1), (6, 2), (9, 1), (10, 2)]


def test_at_one_instant_earlier_parts_come_first() -> None:
    first = Scheduled(0, Part([rows([4], 1), rows([4, 7], 1)]))
    second = Scheduled(1, Part([rows([4, 7], 2)]))
    assert merged(first, second) == [(4, 1), (4, 1), (4, 2), (7, 1), (7, 2)]


def test_facts_come_before_rows_of_their_instant() -> None:
    part = Part([rows([1, 3, 5])], (GoneMemslot(3, 0, 9), GoneMemslot(0, 0, 8)))
    said = [
        plan["t"].tolist() if isinstance(plan, np.ndarray) else plan.t
        for plan in in_time_order(iter([Scheduled(0, part)]))
    ]
    assert said == [0, [1], 3, [3], [5]]


def test_calls_count_from_their_return() -> None:
    long_call = rows([1], 1)
    long_call["latency_ns"] = 100
    assert merged(Scheduled(0, Part([long_call])), Scheduled(0, Part([rows([50], 2)]))) == [
        (50, 2),
        (1, 1),
    ]


def test_rows_out_of_order_within_a_part_are_refused() -> None:
    with pytest.raises(ValueError, match="in order of effect time"):
        merged(Scheduled(0, Part([rows([5, 4])])))


@given(
    st.lists(st.lists(st.integers(0, 20)), min_size=1, max_size=4),
    st.lists(st.integers(1, 5), min_size=1),
)
def test_block_borders_never_matter(times: list[list[int]], sizes: list[int]) -> None:
    whole, cut = [], []
    for mark, moments in enumerate(times):
        made = rows(sorted(moments), mark)
        borders = np.cumsum([sizes[i % len(sizes)] for i in range(len(made))])
        begin = int(effect_time(made)[0]) if len(made) else 0
        whole.append(Scheduled(begin, Part([made])))
        cut.append(Scheduled(begin, Part(np.split(made, borders[borders < len(made)]))))
    assert merged(*whole) == merged(*cut)
