"""How far what readers can see lies behind what happens."""

import time
from collections.abc import Callable

LATE_NS = 5_000_000_000
"""A collector that keeps up is behind by less than a second."""
CAUGHT_UP_NS = 1_000_000_000

CLOCKS = {"mono": time.CLOCK_MONOTONIC, "boot": time.CLOCK_BOOTTIME}
"""Of live sources, by the trace's name for them."""


class Lag:
    """Watches it, in ns of the recording's own time, and notifies when it becomes long.

    `visible_t` is the instant before which a reader can see everything. While a batch is worked on
    that stands still, so that its age when the batch is done is the most that it was.
    """

    def __init__(self, now: Callable[[], int], notify: Callable[[str], None]) -> None:
        """`now` returns ns since the recording's start."""
        self._now = now
        self._notify = notify
        self._began_t = now()  # what buffers held already is not late before
        self._visible_t = 0
        self._reported_ns = 0  # how late it was when that was reported last; 0: it is not late
        self.at_t = 0
        self.lag_ns = 0
        self.max_lag_ns = 0

    def look(self, visible_t: int) -> None:
        self.at_t = self._now()
        before = self._visible_t
        self._visible_t = visible_t
        self.lag_ns = max(0, self.at_t - max(visible_t, self._began_t))
        most = max(self.lag_ns, self.at_t - max(before, self._began_t))
        self.max_lag_ns = max(self.max_lag_ns, most)
        self._tell(most)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for people, for the coverage."""
        if self.max_lag_ns < LATE_NS:
            return ()
        return (
            f"The collector was up to {_seconds(self.max_lag_ns)} behind what happened: so old was "
            "what pages could show then. What that lost, if anything, is recorded as lost.",
        )

    def _tell(self, most_ns: int) -> None:
        """Once, then each time that it has doubled, and when it is over."""
        if most_ns >= max(LATE_NS, 2 * self._reported_ns):
            self._reported_ns = most_ns
            self._notify(
                f"{_seconds(most_ns)} behind what happens: pages show what was then, and what is "
                "lost meanwhile is counted"
            )
        if self._reported_ns and self.lag_ns < CAUGHT_UP_NS:
            self._reported_ns = 0
            self._notify(f"caught up; it was {_seconds(self.max_lag_ns)} behind at most")


def clock_since(clock: str, start_ns: int) -> Callable[[], int]:
    """Returns ns since a live recording's start, on the recording's own clock."""
    return lambda: time.clock_gettime_ns(CLOCKS[clock]) - start_ns


def _seconds(ns: int) -> str:
    return f"{ns / 1e9:.0f} s"
