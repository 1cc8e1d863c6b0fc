"""Everything that can be known of VMs at one instant, without having watched them."""

import os
import platform
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.store.protocol import RecordingHeader, RecordingSink
from collector.assemble import Assembler
from collector.capture.host_facts import gather
from collector.capture.inventory import scan
from collector.capture.kernel_memory import (
    KernelUnreadableError,
    Program,
    kernel_vms,
    open_kernel,
    with_kernel,
)
from collector.coverage import describe_coverage
from collector.description import SourceDescription
from collector.vm_inventory import Inventory

COUNTING_S = 60.0
"""Nothing waits meanwhile, but the user."""

SHOWN_NS = 1_000_000
"""A picture of it needs some width."""

STATE_UNKNOWN = "Which pages are private is not known, for the kernel's memory was not read: "
ONE_INSTANT = "A snapshot: how it was at one instant, and nothing of what led to it."


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was found, and where. `notes` of it name what could not be read."""

    found: Inventory
    host: str
    kernel_release: str | None
    wall_ns: int | None  # UNIX time of the instant
    origin: str | None = None  # base name of the vmcore
    facts: dict[str, Any] | None = None  # of the live host
    took_ns: int = 0  # from that instant until all was read


def snapshot_of_host(pids: Collection[int], qmp: Sequence[Path], vmlinux: Path | None) -> Snapshot:
    """This host: /proc, QEMU's monitors, and the kernel's memory where drgn can read it."""
    found = scan(pids, time.CLOCK_BOOTTIME, qmp, counting_s=COUNTING_S)
    try:
        found = with_kernel(found, kernel_vms(open_kernel(vmlinux=vmlinux)), pids)
    except KernelUnreadableError as error:
        found = replace(found, notes=(*found.notes, f"{STATE_UNKNOWN}{error}"))
    ago_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - found.clock_ns
    return Snapshot(
        found,
        host=platform.node(),
        kernel_release=os.uname().release,
        wall_ns=time.time_ns() - ago_ns,
        facts=gather().as_json(),
        took_ns=ago_ns,
    )


def snapshot_of_vmcore(vmcore: Path, vmlinux: Path | None, pids: Collection[int]) -> Snapshot:
    """The host that left `vmcore`. Raises KernelUnreadableError."""
    program = open_kernel(vmcore, vmlinux)
    boot_ns, wall_ns = _clocks(program)
    nothing = Inventory(boot_ns or 0, ())
    uts = program["init_uts_ns"].name
    return Snapshot(
        with_kernel(nothing, kernel_vms(program), pids),
        host=uts.nodename.string_().decode(errors="replace"),
        kernel_release=uts.release.string_().decode(errors="replace"),
        wall_ns=wall_ns,
        origin=vmcore.name,
    )


def _clocks(program: Program) -> tuple[int | None, int | None]:
    """The boot clock and UNIX time at the crash, as of the last tick."""
    from drgn import FaultError
    from drgn.helpers.linux import timekeeping

    try:
        boot = timekeeping.ktime_get_coarse_boottime_ns(program).value_()
        return boot, timekeeping.ktime_get_coarse_real_ns(program).value_()
    except (FaultError, LookupError, AttributeError):
        return None, None


def record(snapshot: Snapshot, open_sink: Callable[[RecordingHeader], RecordingSink]) -> int:
    """Make a recording of it, all at its time 0 and as long as reading took; returns its id."""
    found, coverage = snapshot.found, _coverage(snapshot)
    name = snapshot.origin or f"{snapshot.host} snapshot"
    header = RecordingHeader(
        name=name,
        source="snapshot",
        host=snapshot.host,
        clock="boot",
        clock_start_ns=found.clock_ns,
        wall_start_ns=snapshot.wall_ns,
        kernel_release=snapshot.kernel_release,
        origin=snapshot.origin,
        coverage=coverage,
    )
    source = SourceDescription(
        header.source, header.clock, found.clock_ns, header.host, header.kernel_release, sees={}
    )
    with open_sink(header) as sink:
        assembler = Assembler(sink, source)
        assembler.add_inventory(found)
        assembler.finish()
        sink.advance(max(snapshot.took_ns, SHOWN_NS))
        return sink.recording_id


def _coverage(snapshot: Snapshot) -> dict[str, Any]:
    """Nothing was to be seen happening, so that nothing of it is missing."""
    coverage = describe_coverage({}, notes=(ONE_INSTANT, *snapshot.found.notes))
    facts = {} if snapshot.facts is None else {"host": snapshot.facts}
    return coverage | {"missing": []} | facts
