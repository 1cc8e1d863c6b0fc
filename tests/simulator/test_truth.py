"""The truth file is true: each answer is counted again from the rows alone."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from app.model.events import EventArray, effect_time
from app.model.guest import EventKind, Outcome, To
from collector.simulator import Limits
from collector.simulator.phases import LoseEvents
from collector.simulator.scenarios import SCENARIOS
from tests.simulator.conftest import Perform

DEMO = "boot-and-storm"
ONE_CYCLE_MORE = Limits(until_t=100_000_000_000)
Chosen = Callable[[EventArray], EventArray]


class BruteForce:
    """The attribute of each page of an area, painted page by page."""

    def __init__(self, first_gfn: int, npages: int) -> None:
        self.first_gfn = first_gfn
        self.private = np.zeros(npages, bool)

    def apply(self, call: np.void) -> int:
        """Paint one applied conversion; returns how many pages changed."""
        begin = max(int(call["gfn"]) - self.first_gfn, 0)
        end = max(int(call["gfn"] + call["npages"]) - self.first_gfn, 0)
        touched = self.private[begin:end]
        changed = int(np.sum(touched != (call["to"] == To.PRIVATE)))
        touched[:] = call["to"] == To.PRIVATE
        return changed

    @property
    def mixed_blocks(self) -> int:
        inside = self.private.reshape(-1, 512).sum(axis=1)
        return int(np.sum((inside > 0) & (inside < 512)))


@pytest.fixture(scope="module")
def applied_calls() -> Callable[[EventArray], EventArray]:
    def applied(events: EventArray) -> EventArray:
        calls = events[events["kind"] == EventKind.CONVERSION]
        return calls[calls["outcome"] == Outcome.APPLIED]

    return applied


def touching(calls: EventArray, gfn: int, npages: int) -> EventArray:
    return calls[(calls["gfn"] < gfn + npages) & (calls["gfn"] + calls["npages"] > gfn)]


def within(calls: EventArray, from_t: int, to_t: int) -> EventArray:
    moments = effect_time(calls)
    return calls[(moments >= from_t) & (moments <= to_t)]


def test_each_flip_of_a_ping_pong_is_effective(perform: Perform, applied_calls: Chosen) -> None:
    performance = perform(DEMO, limits=ONE_CYCLE_MORE)
    calls = applied_calls(performance.heard.events)
    runs = performance.planted("ping-pong")
    assert [run.count for run in runs] == [16_000, 30, 1_750] * 2
    for run in runs:
        gfn, npages = run.details["gfn"], run.details["npages"]
        pages = BruteForce(gfn, npages)
        flips = 0
        for call in touching(within(calls, 0, run.to_t), gfn, npages):
            if pages.apply(call) and run.from_t <= call["t"] + call["latency_ns"]:
                flips += 1
                assert (call["gfn"], call["npages"], call["tid"]) == (
                    gfn,
                    npages,
                    run.details["tid"],
                )
        assert flips == run.count


def test_ping_pong_keeps_its_beat(perform: Perform) -> None:
    performance = perform(DEMO)
    calls = performance.heard.of_kind(EventKind.CONVERSION)
    for run in performance.planted("ping-pong"):
        inside = within(calls, run.from_t, run.to_t)
        flips = inside[
            (inside["gfn"] == run.details["gfn"]) & (inside["tid"] == run.details["tid"])
        ]
        assert np.all(np.diff(flips["t"]) == run.details["period_ns"])


def test_blocks_are_broken_and_healed_as_counted(perform: Perform, applied_calls: Chosen) -> None:
    performance = perform(DEMO, limits=ONE_CYCLE_MORE)
    calls = applied_calls(performance.heard.events)
    all_broken, all_healed = map(performance.planted, ("broken blocks", "healed blocks"))
    assert len(all_broken) == 2
    for broken, healed in zip(all_broken, all_healed, strict=True):
        gfn, npages = broken.details["gfn"], broken.details["npages"]
        pages = BruteForce(gfn, npages)
        inside = touching(calls, gfn, npages)
        for call in within(inside, 0, healed.from_t - 1):
            pages.apply(call)
        assert (broken.count, pages.mixed_blocks) == (1200, 1200)
        for call in within(inside, healed.from_t, healed.to_t):
            pages.apply(call)
        assert (healed.count, pages.mixed_blocks) == (480, 720)


def test_no_ops_change_nothing(perform: Perform, applied_calls: Chosen) -> None:
    performance = perform(DEMO)
    calls = applied_calls(performance.heard.events)
    (planted,) = performance.planted("no-ops")
    (high,) = [slot for slot in performance.heard.memslots if slot.slot == 4]
    pages = BruteForce(high.base_gfn, high.npages)
    noops = sum(
        pages.apply(call) == 0 and call["gfn"] >= high.base_gfn
        for call in within(calls, 0, planted.to_t)
        if call["gfn"] + call["npages"] <= high.end_gfn
    )
    assert noops == planted.count == 520


def test_failures_are_counted_by_errno(perform: Perform) -> None:
    performance = perform(DEMO)
    calls = performance.heard.of_kind(EventKind.CONVERSION)
    failed = calls[calls["outcome"] == Outcome.FAILED]
    planted = {run.details["errno"]: run.count for run in performance.planted("failures")}
    assert planted == {
        "EAGAIN": int(np.sum(failed["errno"] == 11)),
        "EINVAL": int(np.sum(failed["errno"] == 22)),
        "ENOMEM": int(np.sum(failed["errno"] == 12)),
    }
    assert sum(planted.values()) == 160
    assert min(planted.values()) > 0


def test_one_call_is_never_confirmed(perform: Perform) -> None:
    performance = perform(DEMO)
    calls = performance.heard.of_kind(EventKind.CONVERSION)
    (call,) = calls[calls["outcome"] == Outcome.UNCONFIRMED]
    (planted,) = performance.planted("unconfirmed")
    assert (planted.from_t, planted.details["gfn"]) == (call["t"], call["gfn"])


def test_loss_counts_what_is_missing(perform: Perform) -> None:
    demo = SCENARIOS[DEMO]
    kept = tuple(phase for phase in demo.phases if not isinstance(phase, LoseEvents))
    full = perform(replace(demo, phases=kept)).heard
    performance = perform(demo)
    (planted,) = performance.planted("loss")
    (loss,) = performance.heard.losses
    missing = len(full.events) - (len(performance.heard.events) - 2)
    assert missing == planted.details["lost"] == loss.count
    lost_calls = len(full.of_kind(EventKind.CONVERSION)) - len(
        performance.heard.of_kind(EventKind.CONVERSION)
    )
    assert lost_calls == planted.details["lost_conversions"] > 0


def test_the_forgetful_vmm_punches_nothing_there(perform: Perform) -> None:
    performance = perform(DEMO)
    (planted,) = performance.planted("not punched")
    heard = performance.heard
    calls = within(heard.of_kind(EventKind.CONVERSION), planted.from_t, planted.to_t)
    shared = {int(call["gfn"]) for call in calls if call["to"] == To.SHARED}
    holes = set(heard.of_kind(EventKind.PUNCH_HOLE)["gfn"].tolist())
    applied = calls[(calls["to"] == To.SHARED) & (calls["outcome"] == Outcome.APPLIED)]
    assert len(shared - holes) >= planted.count
    assert len(set(applied["gfn"].tolist()) - holes) == planted.count == 720


def test_the_hot_plugged_memslot_lives_as_long_as_planted(perform: Perform) -> None:
    performance = perform(DEMO)
    (planted,) = performance.planted("hot-plug")
    (slot,) = [slot for slot in performance.heard.memslots if slot.to_t is not None]
    assert (slot.from_t, slot.to_t, slot.slot) == (planted.from_t, planted.to_t, 6)
    refused = performance.heard.of_kind(EventKind.MEMSLOT)
    assert refused["errno"].tolist().count(17) == 1
