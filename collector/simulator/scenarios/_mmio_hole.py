"""Firmware shares a huge 64-bit MMIO hole by 2 MiB MapGPA calls: minutes of boot for nothing.

Seen with TDX firmware and a hole of 70 TiB before VMMs capped it; here 64 GiB, 32768 calls on
pages that no memslot covers.
"""

from app.model.guest import To
from collector.simulator import Chunks, Place, Region, Scenario, Storm
from collector.simulator.phases import Convert
from collector.simulator.scenarios._boot import BOOT, BOOTED, steady

HOLE = Chunks(Place(Region.MMIO_HOLE))


def storm(start: float) -> Storm:
    share = Convert(0.0, 16.0, HOLE, To.SHARED, "mmio hole", vcpus=(2,))
    return Storm(start, 16.0, "firmware shares a 64 GiB MMIO hole by 2 MiB", (share,))


MMIO_HOLE = Scenario(
    name="mmio-hole",
    summary="32768 calls of 2 MiB share a 64 GiB MMIO hole that no memslot covers",
    phases=(storm(0.5), *BOOT, steady(BOOTED, 24.0)),
    duration=30.0,
    cycle=(steady(0.0, 40.0), storm(10.0)),
    cycle_duration=40.0,
)
