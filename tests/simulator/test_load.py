import numpy as np
import pytest

from app.model.events import EventArray
from app.model.guest import EventKind, Outcome, To
from collector.simulator import Limits
from tests.simulator.conftest import Perform

COUNT = 600_000


@pytest.fixture
def calls(perform: Perform) -> EventArray:
    performance = perform("load", limits=Limits(conversions=COUNT))
    conversions = performance.heard.of_kind(EventKind.CONVERSION)
    return conversions[3:]  # without those of set-up


def test_there_are_as_many_as_asked_for(calls: EventArray) -> None:
    assert len(calls) == COUNT - 3


def test_sizes_are_mixed_as_documented(calls: EventArray) -> None:
    npages = calls["npages"]
    shares = [
        np.mean(npages == 1),
        np.mean((npages > 1) & (npages < 512)),
        np.mean(npages == 512),
        np.mean(npages == 1 << 18),
    ]
    assert shares == pytest.approx([0.70, 0.15, 0.149, 0.001], abs=0.005)


def test_each_pass_over_the_hot_pages_turns_every_page(calls: EventArray) -> None:
    hot = calls[calls["npages"] == 1]
    turn = 64 * 4096
    assert len(np.unique(hot["gfn"][:turn])) == turn
    assert np.all(hot["to"][:turn] == To.SHARED)
    assert np.all(hot["to"][turn:] == To.PRIVATE)


def test_ranges_stay_in_the_guest(calls: EventArray) -> None:
    assert calls["gfn"].min() >= 1 << 20
    assert (calls["gfn"] + calls["npages"]).max() <= (1 << 20) + (1 << 28)


def test_a_few_fail(calls: EventArray) -> None:
    assert np.mean(calls["outcome"] == Outcome.FAILED) == pytest.approx(1 / 200, rel=0.2)


def test_moments_are_ten_microseconds_apart(calls: EventArray) -> None:
    returned = calls["t"] + calls["latency_ns"]
    assert np.diff(returned).mean() == pytest.approx(10_000, rel=0.02)
