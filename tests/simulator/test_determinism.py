import numpy as np
import pytest

from app.model.guest import EventKind
from collector.simulator import Limits, _player as player
from collector.simulator.scenarios import SCENARIOS
from tests.simulator.conftest import Perform

LOAD_LIMITS = Limits(conversions=300_000)


def limits_of(name: str) -> Limits | None:
    return LOAD_LIMITS if name == "load" else None


@pytest.mark.parametrize("name", SCENARIOS)
def test_one_seed_gives_one_recording(name: str, perform: Perform) -> None:
    first = perform(name, limits=limits_of(name))
    second = perform(name, limits=limits_of(name))
    assert np.array_equal(first.heard.events, second.heard.events)
    assert first.heard.memslots == second.heard.memslots
    assert first.played.planted == second.played.planted


def test_another_seed_gives_another_recording(perform: Perform) -> None:
    first = perform("calm", seed=1).heard.of_kind(EventKind.CONVERSION)
    second = perform("calm", seed=2).heard.of_kind(EventKind.CONVERSION)
    assert not np.array_equal(first, second)


def test_batch_size_does_not_matter(perform: Perform, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = perform("boot-and-storm").heard.events
    monkeypatch.setattr(player, "LARGEST_APPEND", 777)
    small = perform("boot-and-storm")
    assert max(len(batch) for batch in small.heard.batches) <= 777
    assert np.array_equal(whole, small.heard.events)


def test_live_pace_does_not_change_the_contents(perform: Perform) -> None:
    at_once = perform("boot-and-storm")
    live = perform("boot-and-storm", speed=60.0)
    assert np.array_equal(at_once.heard.events, live.heard.events)
    assert at_once.heard.memslots == live.heard.memslots
    assert at_once.heard.losses == live.heard.losses
    assert at_once.played.planted == live.played.planted
