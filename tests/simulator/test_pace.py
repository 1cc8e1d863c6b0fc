from threading import Event, Thread

import numpy as np
import pytest

from app.model.events import EventArray
from app.model.guest import EventKind
from collector.simulator import _player as pace, blank
from collector.simulator._facts import Advance
from collector.simulator._player import TICK_SECONDS, paced


class Clock(Event):
    """A wall clock that moves only while somebody waits for this event."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0.0
        return self.is_set()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pace, "monotonic", lambda: made.now)
    return made


def rows(*times: int) -> EventArray:
    made = blank(len(times), EventKind.CONVERSION)
    made["t"] = times
    return made


def test_events_come_out_in_the_tick_after_their_time(clock: Clock) -> None:
    pieces = paced(iter([rows(10_000_000, 400_000_000)]), 1.0, clock)
    said = [(piece["t"].tolist(), clock.now) for piece in pieces if isinstance(piece, np.ndarray)]
    assert said == [([10_000_000], TICK_SECONDS), ([400_000_000], 2 * TICK_SECONDS)]


def test_speed_shortens_the_wait(clock: Clock) -> None:
    list(paced(iter([rows(20_000_000_000)]), 100.0, clock))
    assert clock.now == TICK_SECONDS


def test_a_tick_that_began_late_is_made_up_for(clock: Clock) -> None:
    pieces = paced(iter([rows(10_000_000, 900_000_000)]), 1.0, clock)
    while isinstance(next(pieces), Advance):
        pass
    clock.now += 2 * TICK_SECONDS  # whoever took the first one was slow
    list(pieces)
    assert clock.now == 4 * TICK_SECONDS


def test_advance_never_passes_what_is_yet_to_come(clock: Clock) -> None:
    reached = 0
    for piece in paced(iter([rows(1, 2), rows(5_000_000_000)]), 20.0, clock):
        if isinstance(piece, Advance):
            reached = piece.t
        elif isinstance(piece, np.ndarray):
            assert piece["t"][0] >= reached


def test_stopping_ends_a_wait_at_once() -> None:
    stop = Event()
    pieces = paced(iter([rows(3_600_000_000_000)]), 1e-6, stop)  # of years
    assert isinstance(next(pieces), Advance)
    Thread(target=stop.set).start()
    assert list(pieces) == []
