import numpy as np
import pytest

from app.model.events import effect_time
from app.model.guest import EventKind
from collector.simulator import Limits
from tests.simulator.conftest import Perform


@pytest.mark.parametrize("wanted", [1, 3, 1000, 50_000])
def test_the_nth_conversion_is_the_last_event(perform: Perform, wanted: int) -> None:
    heard = perform("boot-and-storm", limits=Limits(conversions=wanted)).heard
    events = heard.events
    assert int(np.sum(events["kind"] == EventKind.CONVERSION)) == wanted
    assert events["kind"][-1] == EventKind.CONVERSION


def test_nothing_happens_from_the_end_on(perform: Perform) -> None:
    until = 16_000_000_000
    performance = perform("boot-and-storm", limits=Limits(until_t=until))
    assert effect_time(performance.heard.events).max() < until
    assert performance.played.end_t == performance.heard.reached == until


def test_a_shorter_recording_is_the_beginning_of_a_longer_one(perform: Perform) -> None:
    short = perform("boot-and-storm", limits=Limits(conversions=9_000)).heard.events
    long = perform("boot-and-storm", limits=Limits(conversions=20_000)).heard.events
    assert np.array_equal(short, long[: len(short)])


def test_truth_counts_only_what_the_recording_holds(perform: Perform) -> None:
    performance = perform("boot-and-storm", limits=Limits(until_t=18_000_000_000))
    planted = performance.planted("ping-pong")
    conversions = performance.heard.of_kind(EventKind.CONVERSION)
    for run in planted:
        flips = conversions[
            (conversions["gfn"] == run.details["gfn"])
            & (conversions["npages"] == run.details["npages"])
        ]
        assert run.count == len(flips)
        assert run.to_t <= performance.played.end_t
