"""What QEMU's monitor prints of its memory."""

import pytest

from collector.capture.inventory._qmp import memslots_of
from collector.vm_inventory import FoundMemslot

TREE = """\
FlatView #0
 AS "I/O", root: io
 Root memory region: io
  0000000000000000-0000000000000007 (prio 0, i/o): dma-chan

FlatView #1
 AS "vga", root: bus master container
 Root memory region: (none)
  No rendered FlatView

FlatView #2
 AS "memory", root: system
 AS "cpu-memory-0", root: system
 Root memory region: system
  0000000000000000-000000000009ffff (prio 0, ram): pc.ram KVM
  00000000000a0000-00000000000bffff (prio 1, i/o): vga-lowmem
  00000000000e0000-00000000000fffff (prio 0, rom): pc.bios @0000000000020000 KVM
  00000000fd000000-00000000fdffffff (prio 1, ram): vga.vram KVM
  00000000fe000000-00000000fe000fff (prio 1, ram): vga.vram @0000000000001000

FlatView #3
 AS "KVM-SMRAM", root: mem-container-smram
 Root memory region: mem-container-smram
  0000000000000000-000000000009ffff (prio 0, ram): pc.ram KVM
"""

OLD_BLOCKS = """\
              Block Name    PSize              Offset               Used              Total
                  pc.ram    4 KiB  0x0000000000000000 0x0000000010000000 0x0000000010000000
"""

BLOCKS = """\
              Block Name    PSize              Offset               Used              Total\
                HVA  RO
                  pc.ram    2 MiB  0x0000000000000000 0x0000000010000000 0x0000000010000000\
 0x00007f0000000000  rw
                 pc.bios    4 KiB  0x0000000010000000 0x0000000000040000 0x0000000000040000\
 0x00007f1000000000  ro
   0000:00:02.0/vga.vram    4 KiB  0x0000000010080000 0x0000000001000000 0x0000000001000000\
 0x00007f2000000000  rw
"""


def test_ranges_that_are_memslots() -> None:
    assert memslots_of(TREE, OLD_BLOCKS) == (
        FoundMemslot(0, 0xA0),
        FoundMemslot(0xE0, 0x20),
        FoundMemslot(0xFD000, 0x1000),
        FoundMemslot(0, 0xA0, as_id=1),
    )


def test_address_in_qemu_is_that_of_the_block_and_the_offset_into_it() -> None:
    addresses = [slot.userspace_addr for slot in memslots_of(TREE, BLOCKS)]
    assert addresses == [0x7F0000000000, 0x7F1000020000, 0x7F2000000000, 0x7F0000000000]


def test_block_that_two_devices_have_tells_no_address() -> None:
    twice = BLOCKS + BLOCKS.splitlines()[-1].replace("02.0", "03.0") + "\n"
    assert [slot.userspace_addr for slot in memslots_of(TREE, twice)][2] is None


def test_range_of_two_address_spaces_that_share_a_view() -> None:
    line = "  0000000000000000-0000000000000fff (prio -1, ram): a (b) c @0000000000001000 KVM KVM"
    tree = f'FlatView #0\n AS "memory", root: system\n AS "KVM-SMRAM", root: system\n{line}\n'
    assert memslots_of(tree, "") == (FoundMemslot(0, 1), FoundMemslot(0, 1, as_id=1))


def test_text_of_something_else_has_no_memslots() -> None:
    assert memslots_of("unknown command: 'info mtree'", "") == ()


def test_no_memslot_lies_beyond_all_addresses() -> None:
    view = 'FlatView #0\n AS "memory", root: system\n'
    for last in ("ffffffffffffffff", "001fffffffffffff", "0000000000000000"):
        tree = f"{view}  0000000000000000-{last} (prio 0, ram): pc.ram KVM\n"
        with pytest.raises(ValueError, match="no memslot has the range"):
            memslots_of(tree, "")
