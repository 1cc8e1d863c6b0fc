from threading import Event, Thread
from time import monotonic, sleep

from app.model.events import EventArray, EventKind
from collector.simulator.facts import Advance
from collector.simulator.pace import paced
from collector.simulator.rows import blank


def rows(*times: int) -> EventArray:
    made = blank(len(times), EventKind.CONVERSION)
    made["t"] = times
    return made


def test_events_come_out_after_their_time() -> None:
    started = monotonic()
    pieces = paced(iter([rows(10_000_000, 400_000_000)]), 1.0, Event())
    said = [
        (piece["t"].tolist(), monotonic() - started)
        for piece in pieces
        if not isinstance(piece, Advance)
    ]
    assert [times for times, _ in said] == [[10_000_000], [400_000_000]]
    assert said[0][1] >= 0.01
    assert 0.4 <= said[1][1] < 2.0


def test_speed_shortens_the_wait() -> None:
    started = monotonic()
    list(paced(iter([rows(20_000_000_000)]), 100.0, Event()))
    assert 0.2 <= monotonic() - started < 2.0


def test_advance_never_passes_what_is_yet_to_come() -> None:
    reached = 0
    for piece in paced(iter([rows(1, 2), rows(5_000_000_000)]), 20.0, Event()):
        if isinstance(piece, Advance):
            reached = piece.t
        else:
            assert piece["t"][0] >= reached


def test_stopping_ends_a_wait_at_once() -> None:
    stop = Event()

    def soon() -> None:
        sleep(0.1)
        stop.set()

    started = monotonic()
    Thread(target=soon).start()
    pieces = list(paced(iter([rows(3_600_000_000_000)]), 1.0, stop))
    assert monotonic() - started < 2.0
    assert all(isinstance(piece, Advance) for piece in pieces)
