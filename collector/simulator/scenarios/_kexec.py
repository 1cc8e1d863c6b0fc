"""kexec walks the direct map and converts every shared page back, one call per page table entry."""

from app.model.guest import To
from collector.simulator import Phase, Place, Region, Scattered, Scenario, Storm
from collector.simulator.phases import Convert
from collector.simulator.scenarios._boot import BOOT, BOOTED, LOW_MEMORY, SWIOTLB, steady

DRIVERS = Scattered(Place(Region.HIGH_RAM, 0.0, 0.3), "drivers", singles=9000, blocks=60)


def share(start: float) -> tuple[Phase, ...]:
    """Drivers of a fresh kernel share their buffers."""
    return (Convert(start, 6.0, DRIVERS, To.SHARED, "driver buffers", vcpus=(1, 2, 3, 4)),)


def kexec(start: float) -> Storm:
    burst = (
        Convert(0.0, 1.2, DRIVERS, To.PRIVATE, "kexec"),
        Convert(1.2, 0.3, LOW_MEMORY, To.PRIVATE, "kexec"),
        Convert(1.5, 0.2, SWIOTLB, To.PRIVATE, "kexec"),
    )
    return Storm(start, 1.7, "kexec takes every shared page back", burst)


def reboot(start: float) -> Storm:
    again = (
        Convert(0.0, 1.0, LOW_MEMORY, To.SHARED, "low memory"),
        Convert(1.0, 1.0, SWIOTLB, To.SHARED, "swiotlb"),
        *share(2.0),
    )
    return Storm(start, 8.0, "the new kernel shares what the old one had shared", again)


KEXEC = Scenario(
    name="kexec",
    summary="a burst of single pages made private while the guest kexecs",
    phases=(*BOOT, *share(BOOTED), steady(BOOTED, 12.0), kexec(20.0), reboot(22.5)),
    duration=32.0,
    cycle=(steady(0.0, 10.0), kexec(12.0), reboot(14.5)),
    cycle_duration=24.0,
)
