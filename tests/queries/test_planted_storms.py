"""Storms of many kinds, planted where they were not looked for, and counted again one by one."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from app.model.guest import Cause, To
from app.queries.storms import IntervalView, StormRow, Storms
from collector.simulator import Phase, Place, Region, Scattered, Storm
from collector.simulator.phases import (
    Accept,
    BreakBlocks,
    Convert,
    Failures,
    Flips,
    LoseEvents,
    PingPong,
)
from collector.simulator.scenarios._boot import BOOT, BOOTED, DMA
from tests.planting import Recorded, Recount, record, recount

MILLISECOND = 1_000_000
HIGH = Region.HIGH_RAM


def calm(rate: float = 5.0, until: float = 20.0) -> Phase:
    return Flips(0.0, until, rate, DMA)


def flips(start: float, seconds: float, count: int, low: float = 0.1, npages: int = 1) -> Storm:
    pages = PingPong(0.0, seconds / count, count, Place(HIGH, low, low + 0.02), npages, vcpu=3)
    return Storm(start, seconds, "a buffer goes back and forth", (pages,))


def touched(start: float, seconds: float, count: int, low: float = 0.3) -> Storm:
    pages = Scattered(Place(HIGH, low, low + 0.1), f"touched at {start}", singles=count)
    faults = Convert(0.0, seconds, pages, To.SHARED, "touched", cause=Cause.IMPLICIT, vcpus=(1, 2))
    return Storm(start, seconds, "pages are touched in the wrong state", (faults,))


def all_at_once(start: float, seconds: float = 3.0) -> Storm:
    """Two ping-pongs, broken and healed blocks, failures, and calls that change nothing."""
    idle = Scattered(Place(HIGH, 0.8, 0.9), "no-ops", singles=300, blocks=5)
    phases = (
        PingPong(0.0, seconds / 4_000, 4_000, Place(HIGH, 0.1, 0.12), npages=1, vcpu=3),
        PingPong(0.1, 0.01, 150, Place(HIGH, 0.2, 0.22), npages=700, vcpu=5),
        BreakBlocks(0.1, seconds - 0.2, Place(HIGH, 0.3, 0.6), blocks=200, healed=0.3, vcpu=1),
        Failures(0.2, seconds - 0.4, 90, Place(HIGH, 0.7, 0.75), vcpu=7),
        Convert(0.1, seconds - 0.2, idle, To.PRIVATE, "no-ops", vcpus=(6,)),
    )
    return Storm(start, seconds, "everything at once", phases)


def found_in(recorded: Recorded) -> list[StormRow]:
    return Storms(recorded.reader).list(recorded.vm).storms


def facts_of(recorded: Recorded, storm: StormRow) -> IntervalView:
    return Storms(recorded.reader).facts(recorded.vm, storm)


def agree(found: Sequence[StormRow], recorded: Recorded) -> None:
    """Each planted storm was found, at its place, and no other."""
    planted = recorded.of_kind("storm")
    assert len(found) == len(planted)
    for storm, truth in zip(found, planted, strict=True):
        assert abs(storm.from_t - truth.from_t) < 5 * MILLISECOND
        assert abs(storm.to_t - truth.to_t) < 20 * MILLISECOND


def counted(facts: IntervalView) -> Recount:
    """The same numbers as a recount has."""
    calls, pages, huge = facts.calls, facts.pages, facts.huge_pages
    outcomes = (calls.requested, calls.applied, calls.failed, calls.noop)
    found = (*outcomes, pages.to_private, pages.to_shared, huge.broken, huge.healed)
    return Recount(*(known for known in found if known is not None))


@pytest.mark.parametrize("rate", [0.0, 3.0, 30.0])
def test_a_calm_guest_has_none(tmp_path: Path, rate: float) -> None:
    recorded = record(tmp_path / "calm.db", (*BOOT, Flips(BOOTED, 20, rate, DMA)), duration=26)
    assert found_in(recorded) == []


@pytest.mark.parametrize(
    "storms",
    [
        pytest.param((flips(7.3, 0.4, 1_200),), id="short"),
        pytest.param((touched(5.0, 2.0, 1_100),), id="small"),
        pytest.param((flips(6.2, 1.0, 2_000), flips(8.1, 1.5, 9_000, 0.2)), id="two, soon after"),
        pytest.param((flips(4.0, 12.0, 3_000),), id="slow and long"),
        pytest.param((touched(3.1, 1.0, 5_000), flips(17.0, 3.0, 20_000)), id="up to the end"),
    ],
)
def test_a_storm_is_found_where_it_was_planted(tmp_path: Path, storms: tuple[Storm, ...]) -> None:
    recorded = record(tmp_path / "planted.db", (calm(), *storms), duration=20)
    found = found_in(recorded)
    agree(found, recorded)
    assert {storm.kind for storm in found} == {"conversions"}


@pytest.mark.parametrize(("seed", "start"), [(1, 9.0), (2, 10.77)])
def test_everything_at_once_is_counted_as_one_by_one(
    tmp_path: Path, seed: int, start: float
) -> None:
    phases: list[Phase | Storm] = [*BOOT, Flips(BOOTED, 14.0, 6.0, DMA), all_at_once(start)]
    recorded = record(tmp_path / "planted.db", phases, duration=20, seed=seed)
    found = found_in(recorded)
    agree(found, recorded)
    facts = facts_of(recorded, found[0])
    events, _ = recorded.events()
    assert counted(facts) == recount(events, facts.from_t, facts.to_t)
    assert found[0].calls == facts.calls.requested
    runs = {(run.gfn, run.npages, run.flips) for run in facts.ping_pong}
    planted = {
        (one.details["gfn"], one.details["npages"], one.count)
        for one in recorded.of_kind("ping-pong")
    }
    assert planted <= runs
    failures = {failure.name: failure.calls for failure in facts.failures}
    assert failures == {one.details["errno"]: one.count for one in recorded.of_kind("failures")}
    for kind in ("broken blocks", "healed blocks"):
        (blocks,) = recorded.of_kind(kind)
        assert blocks.count is not None
        assert getattr(facts.huge_pages, kind.split()[0]) >= blocks.count


def test_batches_change_nothing(tmp_path: Path) -> None:
    phases = (calm(), all_at_once(6.0), touched(11.0, 2.0, 3_000, low=0.91))
    whole = record(tmp_path / "whole.db", phases, duration=20)
    cut = record(tmp_path / "cut.db", phases, duration=20, batch=700)
    found = found_in(whole)
    assert found_in(cut) == found
    assert len(found) == 2
    for storm in found:
        assert facts_of(cut, storm) == facts_of(whole, storm)


def test_page_faults_alone_may_be_a_storm(tmp_path: Path) -> None:
    faults = Accept(0.0, 2.0, 60_000, Place(HIGH, 0.2, 0.8))
    storm = Storm(8.0, 2.0, "the guest accepts memory page by page", (faults,))
    recorded = record(tmp_path / "faults.db", (calm(), storm), duration=20)
    found = found_in(recorded)
    agree(found, recorded)
    assert [(one.kind, one.calls) for one in found] == [("page faults", 60_000)]


def test_a_boot_is_distinguished_and_may_hold_a_storm(tmp_path: Path) -> None:
    storm = flips(2.0, 3.0, 25_000)
    phases: list[Phase | Storm] = [*BOOT, Flips(BOOTED, 14.0, 6.0, DMA), storm]
    recorded = record(tmp_path / "boot.db", phases, duration=20)
    (planted,) = recorded.of_kind("storm")
    listed = Storms(recorded.reader).list(recorded.vm)
    (found,) = listed.storms
    assert found.in_boot
    assert found.from_t <= planted.from_t < planted.to_t <= found.to_t
    boot, events = listed.boot, recorded.events()[0]
    assert boot is not None
    assert boot.conversions == recount(events, boot.from_t, boot.to_t).calls
    assert boot.from_t == recorded.vm.created_t
    assert 5e9 < boot.to_t < 7e9


def test_losses_inside_are_listed(tmp_path: Path) -> None:
    phases = (calm(), flips(6.0, 4.0, 8_000), LoseEvents(7.5, 0.2, cpu=3))
    recorded = record(tmp_path / "lossy.db", phases, duration=20)
    found = found_in(recorded)
    agree(found, recorded)
    (loss,) = facts_of(recorded, found[0]).losses
    assert loss.count
    assert found[0].calls < 8_000
