"""A guest that never asks: every conversion follows a fault on a page in the wrong state."""

from app.model.guest import Cause, To
from collector.simulator import Pattern, Phase, Place, Region, Scattered, Scenario
from collector.simulator.phases import Accept, Convert

LOW = Scattered(Place(Region.LOW_MEMORY), "low memory", singles=3000)
BUFFERS = Scattered(Place(Region.SWIOTLB), "buffers", singles=9000)
DRIVERS = Scattered(Place(Region.HIGH_RAM, 0.1, 0.5), "drivers", singles=4000)


def touched(start: float, duration: float, pages: Pattern, to: To) -> Phase:
    label = "implicit conversions"
    return Convert(start, duration, pages, to, label, cause=Cause.IMPLICIT, vcpus=(0, 1, 2, 3))


IMPLICIT_ONLY = Scenario(
    name="implicit-only",
    summary="every conversion follows a memory fault, 4 KiB each: nothing is asked for",
    phases=(
        Accept(0.1, 1.6, 20_000, Place(Region.LOW_RAM, 0.1, 0.5)),
        touched(0.5, 2.5, LOW, To.SHARED),
        touched(3.0, 5.0, BUFFERS, To.SHARED),
        touched(10.0, 8.0, DRIVERS, To.SHARED),
        touched(20.0, 8.0, DRIVERS, To.PRIVATE),
    ),
    duration=30.0,
    cycle=(touched(2.0, 8.0, DRIVERS, To.SHARED), touched(12.0, 8.0, DRIVERS, To.PRIVATE)),
    cycle_duration=24.0,
)
