"""What goes of a database that must not grow, and that nothing else does."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import Engine

from app.model.guest import PageState
from app.model.stats import BIN_SHIFT
from app.queries.retention import Limits
from app.queries.retention._policy import Choice, Going, by_age, by_size
from app.queries.storms import Storms
from app.report import build_report
from app.store.database import open_database
from app.store.errors import NotKept
from app.store.read import Reader, check
from app.store.retention import Group, Space
from tests.fuzz.year import DAY_NS, GUEST_PAGES, STORM_EVENTS, has_storm, play

DAYS = 45
LIMITS = Limits(2 * DAY_NS, 20 * DAY_NS, 3_100_000)
"""Less than so many days take."""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = open_database(tmp_path_factory.mktemp("kept") / "kept.db")
    for night in play(engine, DAYS, LIMITS):
        assert night.file_bytes <= (LIMITS.nbytes or 0)
        assert not night.gone.is_too_large
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The same guest, of which nothing goes."""
    engine = open_database(tmp_path_factory.mktemp("whole") / "whole.db")
    for _ in play(engine, DAYS, None):
        pass
    yield engine
    engine.dispose()


def test_every_storm_is_listed_for_ever_and_counted_while_it_is_pinned(
    kept: Engine, whole: Engine
) -> None:
    reader, all_of_it = Reader(kept), Reader(whole)
    ours, expected = (Storms(one).list(one.vm(1)) for one in (reader, all_of_it))
    planted = [day for day in range(DAYS) if has_storm(day)]
    assert [storm.from_t // DAY_NS for storm in ours.storms] == planted
    assert [replace(one, is_kept=True) for one in ours.storms] == expected.storms
    young = [one for one in ours.storms if one.from_t >= (DAYS - 20) * DAY_NS]
    assert all(one.is_kept for one in young)
    assert not all(one.is_kept for one in ours.storms)
    for storm in ours.storms:
        if not storm.is_kept:
            with pytest.raises(NotKept):
                Storms(reader).facts(reader.vm(1), storm)
            continue
        facts, was = (Storms(one).facts(one.vm(1), storm) for one in (reader, all_of_it))
        assert facts.calls == was.calls
        assert facts.pages == was.pages
        assert facts.calls.requested == STORM_EVENTS


def test_the_state_is_exact_or_unknown_and_all_conversions_stay_counted(
    kept: Engine, whole: Engine
) -> None:
    reader, all_of_it = Reader(kept), Reader(whole)
    assert not check(kept).findings
    gone = reader.expired(1)
    for t in range(DAY_NS // 2, DAYS * DAY_NS, DAY_NS // 3):
        shown, was = (states(one, t) for one in (reader, all_of_it))
        is_gone = any(one.from_t <= t < one.to_t for one in gone)
        assert ((shown == was) | (is_gone & (shown == PageState.UNKNOWN))).all()
    edges = reader.fit_edges(1, np.linspace(0, DAYS * DAY_NS, 300).astype(np.int64))
    ours, expected = (one.timeline(1, edges) for one in (reader, all_of_it))
    counted = ours.is_kept
    np.testing.assert_array_equal(ours.requested[counted], expected.requested[counted])
    assert counted.mean() > 0.5


def states(reader: Reader, t: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    runs = reader.page_map_at(1, t).runs()
    states: np.ndarray[tuple[int], np.dtype[np.uint8]] = np.repeat(
        runs["state"], runs["npages"].astype(np.int64)
    )
    assert len(states) == GUEST_PAGES
    return states


def test_no_storm_is_looked_for_where_events_have_gone(kept: Engine) -> None:
    reader = Reader(kept)
    found = Storms(reader).list(reader.vm(1))
    last = reader.expired(1)[-1].to_t
    assert found.found_before_t is not None
    assert 0 < found.found_before_t - last <= 1 << BIN_SHIFT


HOUR_NS = DAY_NS // 24
NOW_NS = 1000 * DAY_NS


def group(
    age_ns: int, *, level: int = 2, segments: int = 16, detail: int = 1000, vm_id: int = 1
) -> Group:
    """That ended so long ago."""
    t = NOW_NS - age_ns
    return Group(
        coarse_id=age_ns,
        vm_id=vm_id,
        level=level,
        numbers=(t, t + segments - 1),
        segments=segments,
        first_t=t - HOUR_NS,
        last_t=t,
        ended_ns=t,
        detail_bytes=detail,
        nbytes=detail + 100,
    )


def never(_: Group) -> bool:
    return False


def always(_: Group) -> bool:
    return True


def test_detail_goes_by_age_but_for_storms() -> None:
    young, old = group(HOUR_NS), group(3 * DAY_NS)
    limits = Limits(2 * DAY_NS)
    assert by_age([old, young], NOW_NS, limits, never) == Choice(old, Going.DETAIL)
    assert by_age([old, young], NOW_NS, limits, always) is None
    assert by_age([young], NOW_NS, limits, never) is None
    assert by_age([old], NOW_NS, Limits(nbytes=1), never) is None


@pytest.mark.parametrize(("level", "days"), [(3, 8), (4, 32)])
def test_cells_become_coarser_the_older_they_are(level: int, days: int) -> None:
    limits = Limits(2 * DAY_NS)
    of_groups = group((days + 1) * DAY_NS, level=level, segments=4, detail=0)
    assert by_age([of_groups], NOW_NS, limits, never) == Choice(of_groups, Going.FINER_CELLS)
    younger = replace(of_groups, ended_ns=NOW_NS - (days - 1) * DAY_NS)
    assert by_age([younger], NOW_NS, limits, never) is None
    with_detail = replace(of_groups, detail_bytes=1)
    assert by_age([with_detail], NOW_NS, limits, never) is None


def test_what_is_least_missed_goes_first_where_there_is_too_much() -> None:
    limits = Limits(nbytes=100_000)
    pinned, old, young = (group(days * DAY_NS, detail=20_000) for days in (4, 3, 1))
    finer = group(5 * DAY_NS, level=3, segments=4, detail=0)
    cells = group(9 * DAY_NS, segments=1, detail=0)

    def next_of(*given: Group) -> Choice | None:
        return by_size(given, limits, lambda one: one is pinned)

    assert next_of(cells, finer, pinned, old, young) == Choice(old, Going.DETAIL)
    assert next_of(cells, finer, pinned, young) == Choice(young, Going.DETAIL)
    assert next_of(cells, finer, pinned) == Choice(finer, Going.FINER_CELLS)
    assert next_of(cells, pinned) == Choice(pinned, Going.DETAIL)
    assert next_of(cells) == Choice(cells, Going.ALL_CELLS)
    assert by_size([], limits, never) is None


def test_what_takes_more_than_its_share_goes_first() -> None:
    limits = Limits(nbytes=100_000)
    large, free = group(DAY_NS, detail=60_000), group(4 * DAY_NS, detail=20_000)
    found = by_size([free, large], limits, lambda one: one is large)
    assert found == Choice(large, Going.DETAIL)
    cells, little = group(9 * DAY_NS, segments=1, detail=0), group(DAY_NS, detail=10)
    assert by_size([cells, little], limits, never) == Choice(cells, Going.ALL_CELLS)


def test_room_stays_for_what_is_written_between_two_looks() -> None:
    limits = Limits(nbytes=1600)
    assert not limits.are_reached_by(Space(file_bytes=9999, free_bytes=9999 - 1500))
    assert limits.are_reached_by(Space(file_bytes=1501, free_bytes=0))
    assert Limits(8 * DAY_NS).group_ns == DAY_NS
    assert Limits(DAY_NS).group_ns == DAY_NS // 8
    assert Limits(nbytes=1).group_ns == DAY_NS


def test_a_report_is_of_the_storms_that_can_be_counted(kept: Engine) -> None:
    reader = Reader(kept)
    vm = reader.vm(1)
    storms = Storms(reader).list(vm).storms
    text = build_report(reader, vm, None, redact=False)
    for storm in storms:
        assert (f"Storm {storm.id}:" in text) == storm.is_kept
    with pytest.raises(NotKept):
        build_report(reader, vm, storms[0].id, redact=False)
