"""The simulated guest: its size, its threads, its memslots and the places phases work on.

The layout is that of QEMU's q35 machine: 2 GiB of RAM below the 32-bit PCI hole with the VGA window
cut out, firmware under 4 GiB, the rest of RAM from 4 GiB on, 64-bit device memory above.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from app.model.guest import (
    GUEST_MEMFD_FLAG_INIT_SHARED,
    GUEST_MEMFD_FLAG_MMAP,
    KVM_MEM_GUEST_MEMFD,
    KVM_MEM_READONLY,
    PAGE_SHIFT,
    PAGES_PER_1G,
    PAGES_PER_2M,
    Backing,
    Certainty,
    GuestMemfd,
    Memslot,
    backing_of,
)

KIB_640_GFN = 0xA0
VGA_END_GFN = 0xC0
LOW_RAM_END_GFN = 2 * PAGES_PER_1G
FOUR_GIB_GFN = 4 * PAGES_PER_1G
FIRMWARE_PAGES = 1024
DEVICE_PAGES = 256 * 256
MMIO_HOLE_PAGES = 64 * PAGES_PER_1G
DIMM_SPACE_PAGES = 64 * PAGES_PER_1G
SMALLEST_MEMORY = 4 << 30
LARGEST_MEMORY = 4 << 40

RAM_FD = 21
DEVICE_FD = 22
DIMM_FD = 23
DIMM_SLOT = 6
RAM_HVA = 0x7F00_0000_0000
VM_TYPE_SNP = 4
SETUP_NS_PER_PAGE = 80
SETUP_FLOOR_NS = 300_000_000
SETUP_STEP_NS = 250_000_000


class Region(StrEnum):
    """What a stretch of guest memory is used for. Phases that share a region share its pages."""

    BASE_RAM = "base_ram"
    """Below the VGA window."""
    LOW_RAM = "low_ram"
    """From the end of the VGA window to the PCI hole; holds the next three."""
    LOW_MEMORY = "low_memory"
    """1 MiB to 64 MiB: early boot, page tables, per-CPU areas shared with the host."""
    DMA = "dma"
    """Coherent buffers of virtio devices."""
    SWIOTLB = "swiotlb"
    """The guest's bounce buffers, at the top of low RAM."""
    HIGH_RAM = "high_ram"
    DIMM = "dimm"
    """Where memory is hot-plugged."""
    MMIO_HOLE = "mmio_hole"
    """64-bit device space without memslots."""
    DEVICE = "device"
    """Memory shared with a device, in a mappable guest_memfd."""


@dataclass(frozen=True, slots=True)
class Area:
    first_gfn: int
    npages: int

    @property
    def end_gfn(self) -> int:
        return self.first_gfn + self.npages


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a region: the fraction from `low` to `high` of it, on 2 MiB borders inside."""

    region: Region
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True, slots=True)
class Backings:
    """Columns, a row per page. Only a mixed slot has two halves of which one can be freed."""

    offsets: npt.NDArray[np.uint64]  # bytes in the guest_memfd, 0 where there is none
    hvas: npt.NDArray[np.uint64]
    is_mixed: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Machine:
    """A guest of `memory` bytes with `vcpus` vCPUs. Raises ValueError outside sensible sizes."""

    memory: int
    vcpus: int
    pid: int = 48210
    vm_fd: int = 11

    def __post_init__(self) -> None:
        if not SMALLEST_MEMORY <= self.memory <= LARGEST_MEMORY:
            raise ValueError("a simulated guest has between 4 GiB and 4 TiB of memory")
        if self.memory % (2 << 20):
            raise ValueError("the memory of a simulated guest is a multiple of 2 MiB")
        if not 1 <= self.vcpus <= 1024:
            raise ValueError("a simulated guest has between 1 and 1024 vCPUs")

    @property
    def npages(self) -> int:
        return self.memory >> PAGE_SHIFT

    @property
    def setup_ns(self) -> int:
        """When set-up is over and phases begin: making all RAM private costs time per page."""
        cost = SETUP_FLOOR_NS + self.npages * SETUP_NS_PER_PAGE
        return math.ceil(cost / SETUP_STEP_NS) * SETUP_STEP_NS

    def tids(self, vcpus: npt.NDArray[np.int16]) -> npt.NDArray[np.int32]:
        """Host threads of vCPUs; vCPU -1 is the VMM's main thread."""
        result: npt.NDArray[np.int32] = np.where(
            vcpus < 0, self.pid, self.pid + 4 + vcpus.astype(np.int32)
        ).astype(np.int32)
        return result

    def area(self, place: Place) -> Area:
        whole = self._region(place.region)
        low = whole.first_gfn + _to_block(place.low * whole.npages)
        high = whole.first_gfn + _to_block(place.high * whole.npages)
        if place.high == 1.0:
            high = whole.end_gfn
        return Area(low, high - low)

    def memslots(self) -> tuple[Memslot, ...]:
        """The memslots of set-up, all three backings among them; from_t is to be filled in."""
        low = LOW_RAM_END_GFN
        return (
            _ram_slot(0, 0, KIB_640_GFN, 0),
            _hva_slot(1, KIB_640_GFN, VGA_END_GFN - KIB_640_GFN, 0, 0x7EF0_0000_0000),
            _ram_slot(2, VGA_END_GFN, low - VGA_END_GFN, VGA_END_GFN),
            _hva_slot(
                3, FOUR_GIB_GFN - FIRMWARE_PAGES, FIRMWARE_PAGES, KVM_MEM_READONLY, 0x7EE0 << 32
            ),
            _ram_slot(4, FOUR_GIB_GFN, self.npages - low, low),
            self._device_slot(),
        )

    def guest_memfds(self) -> tuple[GuestMemfd, ...]:
        """The guest_memfds of set-up; created_t is to be filled in."""
        mappable = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED
        return (
            GuestMemfd(RAM_FD, self.memory, 0, 0),
            GuestMemfd(DEVICE_FD, DEVICE_PAGES << PAGE_SHIFT, mappable, 0),
        )

    def dimm(self, npages: int) -> Memslot:
        """The memslot of a hot-plugged DIMM with a guest_memfd of its own."""
        area = self._region(Region.DIMM)
        return _gmem_slot(DIMM_SLOT, area.first_gfn, npages, DIMM_FD, 0, 0x7D00 << 32)

    def backings(self, gfns: npt.NDArray[np.uint64]) -> Backings:
        """Where set-up's memslots keep the pages; hot-plugged ones are not looked at."""
        count = len(gfns)
        found = Backings(
            np.zeros(count, np.uint64), np.zeros(count, np.uint64), np.zeros(count, np.bool_)
        )
        for slot in self.memslots():
            inside = (gfns >= slot.base_gfn) & (gfns < slot.end_gfn)
            start = (gfns[inside] - np.uint64(slot.base_gfn)) << np.uint64(PAGE_SHIFT)
            found.hvas[inside] = start + np.uint64(slot.userspace_addr or 0)
            if slot.guest_memfd_offset is not None:
                found.offsets[inside] = start + np.uint64(slot.guest_memfd_offset)
                found.is_mixed[inside] = slot.backing is Backing.MIXED
        return found

    def _device_slot(self) -> Memslot:
        first = self._region(Region.DEVICE).first_gfn
        flags = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED
        slot = _gmem_slot(5, first, DEVICE_PAGES, DEVICE_FD, 0, 0x7E00 << 32)
        return replace(slot, backing=backing_of(KVM_MEM_GUEST_MEMFD, flags))

    def _region(self, region: Region) -> Area:
        ram_end = FOUR_GIB_GFN + self.npages - LOW_RAM_END_GFN
        dimm = -(-ram_end // PAGES_PER_1G) * PAGES_PER_1G
        hole = dimm + DIMM_SPACE_PAGES
        swiotlb = swiotlb_pages(self.memory)
        return {
            Region.BASE_RAM: Area(0, KIB_640_GFN),
            Region.LOW_RAM: Area(VGA_END_GFN, LOW_RAM_END_GFN - VGA_END_GFN),
            Region.LOW_MEMORY: Area(PAGES_PER_2M, 31 * PAGES_PER_2M),
            Region.DMA: Area(32 * PAGES_PER_2M, 64 * PAGES_PER_2M),
            Region.SWIOTLB: Area(LOW_RAM_END_GFN - swiotlb, swiotlb),
            Region.HIGH_RAM: Area(FOUR_GIB_GFN, self.npages - LOW_RAM_END_GFN),
            Region.DIMM: Area(dimm, DIMM_SPACE_PAGES),
            Region.MMIO_HOLE: Area(hole, MMIO_HOLE_PAGES),
            Region.DEVICE: Area(hole + MMIO_HOLE_PAGES, DEVICE_PAGES),
        }[region]


def swiotlb_pages(memory: int) -> int:
    """6 % of RAM between 64 MiB and 1 GiB (Linux, arch/x86/mm/mem_encrypt.c), in whole 2 MiB."""
    size = min(max(memory * 6 // 100, 64 << 20), 1 << 30)
    return (size >> 21) * PAGES_PER_2M


def _to_block(npages: float) -> int:
    return int(npages) // PAGES_PER_2M * PAGES_PER_2M


def _ram_slot(slot: int, first: int, npages: int, ram_page: int) -> Memslot:
    hva = RAM_HVA + (ram_page << PAGE_SHIFT)
    return _gmem_slot(slot, first, npages, RAM_FD, ram_page << PAGE_SHIFT, hva)


def _gmem_slot(slot: int, first: int, npages: int, fd: int, offset: int, hva: int) -> Memslot:
    return Memslot(
        slot=slot,
        base_gfn=first,
        npages=npages,
        flags=KVM_MEM_GUEST_MEMFD,
        backing=backing_of(KVM_MEM_GUEST_MEMFD, 0),
        backing_certainty=Certainty.SEEN,
        userspace_addr=hva,
        guest_memfd=fd,
        guest_memfd_offset=offset,
    )


def _hva_slot(slot: int, first: int, npages: int, flags: int, hva: int) -> Memslot:
    return Memslot(
        slot=slot,
        base_gfn=first,
        npages=npages,
        flags=flags,
        backing=backing_of(flags, None),
        backing_certainty=Certainty.SEEN,
        userspace_addr=hva,
    )
