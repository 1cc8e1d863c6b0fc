"""Live: let each piece of a recording out when its time has come on the wall clock."""

from collections.abc import Iterator
from threading import Event
from time import monotonic

from collector.simulator._facts import Advance, Piece, split_at
from collector.simulator._stage import NS_PER_SECOND

TICK_SECONDS = 0.25
"""Four commits a second: a page sees an event within a second of its simulated time."""


def paced(pieces: Iterator[Piece], speed: float, stop: Event) -> Iterator[Piece]:
    """Yield the pieces of each tick when it is over, then `Advance`; return once `stop` is set.

    `speed` is simulated seconds per real one. Contents stay what they are, only cut where ticks
    end; a tick that began late is made up for.
    """
    tick = max(round(TICK_SECONDS * speed * NS_PER_SECOND), 1)
    started = monotonic()
    now = 0
    for piece in pieces:
        rest: Piece | None = piece
        while rest is not None:
            due, rest = split_at(rest, now)
            if due is not None:
                yield due
            if rest is not None:
                yield Advance(now)
                now += tick
                is_over_at = started + now / (speed * NS_PER_SECOND)
                if stop.wait(max(is_over_at - monotonic(), 0.0)):
                    return
