from itertools import pairwise

from hypothesis import given, strategies as st

from app.queries.maps import edges_of


def test_edges_are_spread_evenly_in_whole_ns() -> None:
    assert edges_of(10, 20, 3).tolist() == [10, 13, 16, 20]


def test_no_column_is_narrower_than_a_nanosecond() -> None:
    assert edges_of(5, 8, 100).tolist() == [5, 6, 7, 8]


def test_a_year_in_nanoseconds_is_divided_exactly() -> None:
    year = 366 * 86_400 * 10**9
    assert edges_of(0, year, 8192).tolist()[-2:] == [year * 8191 // 8192, year]


@given(st.integers(0, 2**61), st.integers(1, 2**61), st.integers(1, 200))
def test_edges_always_ascend_from_end_to_end(start: int, span: int, columns: int) -> None:
    edges = edges_of(start, start + span, columns).tolist()

    assert (edges[0], edges[-1]) == (start, start + span)
    widths = [b - a for a, b in pairwise(edges)]
    assert min(widths) >= 1
    assert max(widths) - min(widths) <= 1
