"""The demo: boot, calm, a storm with a ping-pong driver, hot-plug, lost events, kexec."""

from app.model.guest import Cause, To
from collector.simulator import Chunks, Phase, Place, Region, Scattered, Scenario, Storm
from collector.simulator.phases import (
    Accept,
    BreakBlocks,
    Convert,
    Failures,
    HotPlug,
    LoseEvents,
    PingPong,
    Unconfirmed,
)
from collector.simulator.scenarios._boot import BOOT, BOOTED, LOW_MEMORY, SWIOTLB, steady

HIGH = Region.HIGH_RAM
BROKEN = Place(HIGH, 0.03, 0.28)
WAVE = Scattered(Place(HIGH, 0.30, 0.50), "wave", singles=1500, blocks=700)
UNPUNCHED = Place(HIGH, 0.51, 0.58)
TOUCHED = Place(HIGH, 0.60, 0.65)
HOT_PAGE = Place(HIGH, 0.70, 0.72)
HOT_BLOCK = Place(HIGH, 0.73, 0.75)
HOT_BUFFER = Place(HIGH, 0.76, 0.79)
UNTOUCHED = Place(HIGH, 0.82, 0.95)
BURST = Scattered(Place(HIGH, 0.66, 0.69), "burst", singles=800)
DEVICE_HALF = Place(Region.DEVICE, 0.0, 0.5)


def storm(start: float) -> Storm:
    """Eight seconds; leaves broken blocks, stray shared pages and an unknown page behind."""
    return Storm(
        start,
        8.0,
        "a driver on vCPU 3 shares and takes back the same pages for each transfer",
        (
            PingPong(0.0, 0.0005, 16_000, HOT_PAGE, npages=1, vcpu=3),
            PingPong(0.5, 0.004, 1_750, HOT_BLOCK, npages=512, vcpu=5),
            PingPong(0.25, 0.25, 30, HOT_BUFFER, npages=1 << 16, vcpu=9),
            Convert(0.5, 3.0, WAVE, To.SHARED, "wave", vcpus=(8,)),
            Convert(5.0, 2.5, WAVE, To.PRIVATE, "wave", vcpus=(8,)),
            BreakBlocks(0.4, 7.2, BROKEN, blocks=1200, healed=0.4, vcpu=1),
            Convert(
                1.0,
                5.0,
                Scattered(TOUCHED, "touched", singles=2500),
                To.SHARED,
                "implicit conversions",
                cause=Cause.IMPLICIT,
                vcpus=(2,),
            ),
            Convert(
                2.0,
                4.0,
                Scattered(UNPUNCHED, "unpunched", singles=600, blocks=120),
                To.SHARED,
                "not punched",
                vcpus=(4,),
                punches=False,
            ),
            Convert(
                0.2,
                7.0,
                Scattered(UNTOUCHED, "no-ops", singles=500, blocks=20),
                To.PRIVATE,
                "no-ops",
                vcpus=(6,),
            ),
            Failures(0.3, 7.4, 160, UNTOUCHED, vcpu=7),
            Unconfirmed(5.5, UNTOUCHED, vcpu=6),
            Accept(3.0, 3.0, 12_000, BROKEN),
        ),
    )


def recovery(start: float) -> tuple[Phase, ...]:
    """The guest accepts all its high RAM anew: every block is whole again after it."""
    return (
        Convert(
            start, 3.0, Chunks(Place(HIGH), 1 << 15), To.PRIVATE, "accepted anew", vcpus=(1, 2, 3)
        ),
    )


def kexec(start: float) -> tuple[Phase | Storm, ...]:
    """The guest starts a new kernel: shared pages go back, all RAM is accepted, buffers return."""
    whole = 1 << 15
    taken_back = (
        Convert(0.0, 1.0, LOW_MEMORY, To.PRIVATE, "kexec"),
        Convert(1.0, 0.4, SWIOTLB, To.PRIVATE, "kexec"),
    )
    shared_anew = (
        Convert(0.0, 0.2, Chunks(Place(Region.DEVICE)), To.SHARED, "device memory"),
        Convert(0.2, 1.0, LOW_MEMORY, To.SHARED, "low memory"),
        Convert(1.2, 1.0, SWIOTLB, To.SHARED, "swiotlb"),
    )
    return (
        Storm(start, 1.4, "kexec takes every shared page back", taken_back),
        Convert(start + 1.5, 0.1, Chunks(Place(Region.BASE_RAM)), To.PRIVATE, "accepted anew"),
        Convert(
            start + 1.6, 0.5, Chunks(Place(Region.LOW_RAM), whole), To.PRIVATE, "accepted anew"
        ),
        Convert(start + 2.1, 1.3, Chunks(Place(HIGH), whole), To.PRIVATE, "accepted anew"),
        Storm(start + 3.6, 2.2, "the new kernel shares its buffers", shared_anew),
    )


BOOT_AND_STORM = Scenario(
    name="boot-and-storm",
    summary="boot, steady traffic, a ping-pong storm, hot-plug, lost events, kexec (the demo)",
    phases=(
        *BOOT,
        steady(BOOTED, 34.0),
        Convert(9.0, 1.2, Chunks(DEVICE_HALF), To.PRIVATE, "device memory"),
        storm(15.0),
        HotPlug(25.0, gib=2, plugged=9.0),
        Convert(27.5, 1.0, Chunks(DEVICE_HALF), To.SHARED, "device memory"),
        Accept(37.0, 1.0, 25_000, Place(HIGH, 0.25, 0.5)),
        Convert(37.0, 1.0, BURST, To.SHARED, "driver buffers", vcpus=(1, 2, 3, 4)),
        LoseEvents(37.3, 0.4, cpu=2),
        *kexec(41.0),
        steady(48.0, 12.0),
    ),
    duration=60.0,
    vcpus=12,
    cycle=(steady(0.0, 40.0), storm(14.0), HotPlug(24.0, gib=2, plugged=6.0), *recovery(33.0)),
    cycle_duration=40.0,
)
