"""The host was suspended, or its wall clock was set: told, as what it means for a recording."""

import time

from collector.capture.agent._clock_watch import ClockWatch


class Clocks:
    """Clocks that stand still until they are moved."""

    def __init__(self) -> None:
        self.at = {time.CLOCK_MONOTONIC: 10**9, time.CLOCK_BOOTTIME: 10**9}
        self.at[time.CLOCK_REALTIME] = 10**18

    def read(self, clock: int) -> int:
        return self.at[clock]

    def suspend(self, ns: int) -> None:
        self.at[time.CLOCK_BOOTTIME] += ns
        self.at[time.CLOCK_REALTIME] += ns


def test_time_that_passes_is_no_jump() -> None:
    watch = ClockWatch("mono")
    for _ in range(100):
        watch.look()
    assert (watch.slept_ns, watch.notes) == (0, [])


def test_suspend_stops_the_clock_of_a_mono_recording() -> None:
    clocks = Clocks()
    watch = ClockWatch("mono", clocks.read)
    clocks.suspend(90 * 10**9)
    watch.look()
    watch.look()
    assert watch.slept_ns == 90 * 10**9
    (note,) = watch.notes
    assert note == (
        "The host was suspended for 90.0 s while this was recorded: the recording's clock (mono)"
        " stood still, so times of day after that are too early by as much."
    )


def test_suspend_is_a_quiet_stretch_of_a_boot_recording() -> None:
    clocks = Clocks()
    watch = ClockWatch("boot", clocks.read)
    clocks.suspend(5 * 10**9)
    watch.look()
    assert watch.notes == [
        "The host was suspended for 5.0 s while this was recorded: nothing happened in that time."
    ]


def test_wall_clock_that_is_set_is_told_with_its_direction() -> None:
    clocks = Clocks()
    watch = ClockWatch("boot", clocks.read)
    clocks.at[time.CLOCK_REALTIME] -= 3600 * 10**9
    watch.look()
    (note,) = watch.notes
    assert note.startswith("The wall clock was set back by 3600.0 s")
    assert watch.slept_ns == 0


def test_slewing_is_no_step() -> None:
    clocks = Clocks()
    watch = ClockWatch("boot", clocks.read)
    clocks.at[time.CLOCK_REALTIME] += 40_000_000
    watch.look()
    assert watch.notes == []
