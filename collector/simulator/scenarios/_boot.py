"""How every simulated guest boots: the first six seconds, shared by the scenarios."""

from app.model.guest import To
from collector.simulator import Chunks, Phase, Place, Region, Scattered
from collector.simulator.phases import Accept, Convert, Flips

BOOTED = 6.0
LOW_MEMORY = Scattered(Place(Region.LOW_MEMORY), "low memory", singles=2400, blocks=9)
SWIOTLB = Chunks(Place(Region.SWIOTLB))
DMA = Place(Region.DMA)

BOOT: tuple[Phase, ...] = (
    Accept(0.1, 1.6, 20_000, Place(Region.LOW_RAM, 0.1, 0.5)),
    Convert(0.9, 2.2, LOW_MEMORY, To.SHARED, "low memory"),
    Convert(3.2, 1.6, SWIOTLB, To.SHARED, "swiotlb"),
    Accept(2.4, 3.2, 30_000, Place(Region.HIGH_RAM, 0.0, 0.25)),
    Flips(4.0, 2.0, 150.0, DMA, vcpu=1),
)


def steady(start: float, duration: float) -> Phase:
    """Virtio traffic that uses no bounce buffer: a few pages a second."""
    return Flips(start, duration, 6.0, DMA)
