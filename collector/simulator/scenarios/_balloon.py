"""A balloon inflates (pages become shared and are freed) and deflates again."""

from app.model.guest import To
from collector.simulator import Chunks, Place, Region, Scattered, Scenario, Storm
from collector.simulator.phases import Convert
from collector.simulator.scenarios._boot import BOOT, BOOTED, steady

PAGES = Scattered(Place(Region.HIGH_RAM, 0.0, 0.4), "balloon pages", singles=8000, blocks=0)
BLOCKS = Chunks(Place(Region.HIGH_RAM, 0.5, 0.8))


def inflate(start: float) -> Storm:
    pages = (
        Convert(0.0, 6.0, BLOCKS, To.SHARED, "inflate", vcpus=(3,)),
        Convert(6.0, 4.0, PAGES, To.SHARED, "inflate", vcpus=(3,)),
    )
    return Storm(start, 10.0, "the balloon inflates", pages)


def deflate(start: float) -> Storm:
    pages = (
        Convert(0.0, 4.0, PAGES, To.PRIVATE, "deflate", vcpus=(3,)),
        Convert(4.0, 4.0, BLOCKS, To.PRIVATE, "deflate", vcpus=(3,)),
    )
    return Storm(start, 8.0, "the balloon deflates", pages)


BALLOON = Scenario(
    name="balloon",
    summary="a balloon inflates and deflates by 2 MiB blocks and single pages",
    phases=(*BOOT, steady(BOOTED, 34.0), inflate(10.0), deflate(26.0)),
    duration=40.0,
    cycle=(steady(0.0, 40.0), inflate(10.0), deflate(26.0)),
    cycle_duration=40.0,
)
