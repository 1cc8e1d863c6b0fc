"""When an armed collector begins to record, and when calm has returned."""

import time
from collections.abc import Callable
from threading import Event

LOOK_S = 0.2
"""At the default rate that is a thousand conversions, by which a storm counts (CONVERSIONS of
app.model.stats)."""


class Ending(Event):
    """What ends a collector: another event, or that so many seconds are over."""

    def __init__(
        self, stop: Event, duration_s: float | None, now: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._stop = stop
        self._now = now
        self._ends = None if duration_s is None else now() + duration_s

    def is_set(self) -> bool:
        return self._stop.is_set() or (self._ends is not None and self._now() >= self._ends)

    def set(self) -> None:
        self._stop.set()

    def wait(self, timeout: float | None = None) -> bool:
        if self._ends is not None:
            left = max(0.0, self._ends - self._now())
            timeout = left if timeout is None else min(timeout, left)
        self._stop.wait(timeout)
        return self.is_set()


class Vigil:
    """Looks at how many conversions were asked for, and whether a recording was."""

    def __init__(
        self,
        conversions: Callable[[], int],
        is_asked: Callable[[], bool],
        rate: float,
        calm_s: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`conversions` so far, `is_asked` since it was called last; `rate` is per second."""
        self.rate = rate
        self._conversions = conversions
        self._is_asked = is_asked
        self._calm_s = calm_s
        self._now = now
        self._count, self._at = conversions(), now()
        self._triggered_at = self._at

    def wait(self, stop: Event) -> str | None:
        """Returns the reason to record; None: `stop` is set."""
        while not stop.wait(LOOK_S):
            reason = self.look()
            if reason is not None:
                return reason
        return None

    def look(self) -> str | None:
        """The reason to record or to go on, if there is one now."""
        reason = self._reason()
        if reason is not None:
            self._triggered_at = self._now()
        return reason

    def is_calm(self) -> bool:
        """Whether there was no reason for long enough."""
        return self.look() is None and self._now() - self._triggered_at >= self._calm_s

    def _reason(self) -> str | None:
        if self._is_asked():
            return "somebody asked for it"
        seconds = self._now() - self._at
        if seconds < LOOK_S:
            return None
        before, self._count = self._count, self._conversions()
        self._at += seconds
        rate = (self._count - before) / seconds
        return f"{rate:,.0f} conversions per second" if rate >= self.rate else None


class UntilCalm(Event):
    """Set when calm has returned, or with what ends the collector."""

    def __init__(self, stop: Event, vigil: Vigil) -> None:
        super().__init__()
        self._stop = stop
        self._vigil = vigil
        self._is_over = False

    def is_set(self) -> bool:
        return self._is_over or self._stop.is_set()

    def set(self) -> None:
        self._is_over = True

    def wait(self, timeout: float | None = None) -> bool:
        """Looks after waiting. Raises SourceEnded, by what counts conversions."""
        self._is_over = self._is_over or self._stop.wait(timeout) or self._vigil.is_calm()
        return self._is_over
