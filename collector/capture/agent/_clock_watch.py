"""Jumps of the host's clocks while a recording runs: reported, because its times mean less then."""

import time
from collections.abc import Callable

LEAST_SLEEP_NS = 100_000_000
LEAST_STEP_NS = 1_000_000_000
"""Slewing moves the wall's clock slowly; a step beyond this was set."""

READINGS = 3

ReadClock = Callable[[int], int]


class ClockWatch:
    """Compares clocks with each other: only the boot clock goes on while the host is suspended,
    and only the wall's can be set (clock_gettime(2))."""

    def __init__(self, clock: str, read: ReadClock = time.clock_gettime_ns) -> None:
        """`clock` is the recording's own: "mono", "boot", ..."""
        self._clock = clock
        self._read = read
        self.slept_ns = 0
        self.notes: list[str] = []
        self._asleep_ns, self._wall_ns = self._compare()

    def look(self) -> None:
        asleep_ns, wall_ns = self._compare()
        slept_ns, stepped_ns = asleep_ns - self._asleep_ns, wall_ns - self._wall_ns
        if slept_ns >= LEAST_SLEEP_NS:
            self._asleep_ns = asleep_ns
            self.slept_ns += slept_ns
            self.notes.append(self._sleep_note(slept_ns))
        if abs(stepped_ns) >= LEAST_STEP_NS:
            self._wall_ns = wall_ns
            self.notes.append(
                f"The wall clock was set {'forward' if stepped_ns > 0 else 'back'} by "
                f"{abs(stepped_ns) / 1e9:.1f} s while this was recorded: times of day are those of "
                "the clock as it was at the start."
            )

    def _sleep_note(self, slept_ns: int) -> str:
        seconds = f"The host was suspended for {slept_ns / 1e9:.1f} s while this was recorded"
        if self._clock == "boot":
            return f"{seconds}: nothing happened in that time."
        return (
            f"{seconds}: the recording's clock ({self._clock}) stood still, so times of day after"
            " that are too early by as much."
        )

    def _compare(self) -> tuple[int, int]:
        """(boot ahead of mono, wall ahead of boot), as read closest together: we may be
        interrupted between two readings for long."""
        spans = []
        for _ in range(READINGS):
            mono = self._read(time.CLOCK_MONOTONIC)
            boot, wall = self._read(time.CLOCK_BOOTTIME), self._read(time.CLOCK_REALTIME)
            spans.append((self._read(time.CLOCK_MONOTONIC) - mono, boot - mono, wall - boot))
        return min(spans)[1:]
