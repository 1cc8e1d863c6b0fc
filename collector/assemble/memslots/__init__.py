"""The live memslots of a VM, changed by the rules of KVM, and what they map of files and of the
VMM's memory.

A call that sets a memslot adds, moves, changes or deletes one; ranges of a guest_memfd or of
userspace addresses are then translated to the gfns that they back.
"""

from collector.assemble.memslots._file_state import first_state, state_where_bound
from collector.assemble.memslots._mapped import Mappings, Offsets, ends_of
from collector.assemble.memslots._memslots import (
    GuestMemfdFile,
    Inode,
    InodeOf,
    LiveMemslots,
    Region,
)
from collector.assemble.memslots._placing import (
    Extra,
    calls_of,
    extra,
    keys_after,
    keys_before,
    keys_of,
    pieces,
    place_within_one,
)

__all__ = [
    "Extra",
    "GuestMemfdFile",
    "Inode",
    "InodeOf",
    "LiveMemslots",
    "Mappings",
    "Offsets",
    "Region",
    "calls_of",
    "ends_of",
    "extra",
    "first_state",
    "keys_after",
    "keys_before",
    "keys_of",
    "pieces",
    "place_within_one",
    "state_where_bound",
]
