"""The memslots in what QEMU's monitor prints of its memory (`info mtree -f`, `info ramblock`)."""

import re
from collections.abc import Iterator, Mapping

from app.model.guest import GFN_LIMIT, PAGE_SHIFT, PAGE_SIZE
from collector.vm_inventory import FoundMemslot

_ADDRESS_SPACES = {"memory": 0, "KVM-SMRAM": 1}
"""QEMU's names of those that KVM knows (target/i386/kvm/kvm.c, register_smram_listener)."""

_VIEW = re.compile(r"FlatView #\d+")
_SPACE = re.compile(r' AS "([^"]*)", root: ')
_RANGE = re.compile(
    r"  ([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, [^)]*\): "
    r"(.*?)(?: @([0-9a-f]{16}))?((?: KVM)+)"
)
"""A range ends with KVM for each address space in which exactly this range is a memslot
(system/memory.c, mtree_print_flatview; accel/kvm/kvm-all.c, kvm_accel_has_memory)."""

_BLOCK = re.compile(
    r"\s*(\S.*?)\s+\d+ \S+\s+0x[0-9a-f]+ 0x[0-9a-f]+ 0x([0-9a-f]+) 0x([0-9a-f]+)\s+r[ow]"
)
"""Name, page size, offset, used, total, and in newer versions the address (system/physmem.c,
ram_block_format)."""


def memslots_of(tree: str, blocks: str) -> tuple[FoundMemslot, ...]:
    """Memslots by `info mtree -f`; where they are in QEMU's memory by `info ramblock`."""
    addresses = dict(_addresses(blocks))
    found: dict[tuple[int, int], FoundMemslot] = {}
    spaces: list[int] = []
    for line in tree.splitlines():
        if _VIEW.fullmatch(line.strip()):
            spaces = []
        elif (space := _SPACE.match(line)) and space[1] in _ADDRESS_SPACES:
            spaces.append(_ADDRESS_SPACES[space[1]])
        elif slot := _RANGE.fullmatch(line.rstrip()):
            for as_id in spaces[: slot[5].count("KVM")]:
                memslot = _memslot(slot, as_id, addresses)
                found[as_id, memslot.base_gfn] = memslot
    return tuple(found[key] for key in sorted(found))


def _memslot(slot: re.Match[str], as_id: int, addresses: Mapping[str, int]) -> FoundMemslot:
    first, last, into = int(slot[1], 16), int(slot[2], 16), int(slot[4] or "0", 16)
    is_even = first % PAGE_SIZE == 0 and (last + 1) % PAGE_SIZE == 0
    if not is_even or not first < last < GFN_LIMIT << PAGE_SHIFT:
        raise ValueError(f"no memslot has the range {first:#x}-{last:#x}")
    address = _address(slot[3], addresses)
    return FoundMemslot(
        base_gfn=first >> PAGE_SHIFT,
        npages=(last + 1 - first) >> PAGE_SHIFT,
        userspace_addr=None if address is None else address + into,
        as_id=as_id,
    )


def _addresses(blocks: str) -> Iterator[tuple[str, int]]:
    for line in blocks.splitlines():
        if block := _BLOCK.fullmatch(line):
            yield block[1], int(block[3], 16)


def _address(region: str, addresses: Mapping[str, int]) -> int | None:
    """Blocks are called by their region, often after the path of its device."""
    same = [at for name, at in addresses.items() if name == region or name.endswith(f"/{region}")]
    return same[0] if len(same) == 1 else None
