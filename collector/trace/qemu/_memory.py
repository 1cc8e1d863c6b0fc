"""The live memslots that a QEMU log recorded, for translating addresses. Compiled.

A RAM block with a guest_memfd has that file from its start on: an offset in the block is one in the
file.
"""

import numpy as np
import numpy.typing as npt

from app.compiled import hot_in_place

Words = npt.NDArray[np.int64]

# Columns of `slots`; the first holds slot | address space << 16.
ID, GPA, SIZE, UA, OFFSET, HAS_FILE = range(6)
WIDTH = 6
MOST = 1 << 15
"""KVM has fewer for its users (KVM_USER_MEM_SLOTS)."""


@hot_in_place
def set_slot(slots: Words, count: int, rows: Words, at: int, has_file: bool) -> int:
    """Take a QemuCode.SET_USER_MEMORY that succeeded; returns how many slots there are."""
    number = rows[at, 2] & 0xFFFFFFFF
    i = 0
    while i < count and slots[i, ID] != number:
        i += 1
    if rows[at, 4] == 0:
        if i == count:
            return count
        for k in range(WIDTH):
            slots[i, k] = slots[count - 1, k]
        return count - 1
    if i == MOST:
        return count
    slots[i, ID], slots[i, GPA], slots[i, SIZE] = number, rows[at, 3], rows[at, 4]
    slots[i, UA], slots[i, OFFSET] = rows[at, 5], rows[at, 6]
    slots[i, HAS_FILE] = has_file
    return max(count, i + 1)


@hot_in_place
def slot_at(slots: Words, count: int, gpa: int) -> int:
    """-1 if it is in none."""
    for i in range(count):
        if slots[i, GPA] <= gpa < slots[i, GPA] + slots[i, SIZE]:
            return i
    return -1


@hot_in_place
def offset_of(slots: Words, count: int, gpa: int) -> int:
    """In the RAM block; -1 if it is in no memslot with a guest_memfd."""
    i = slot_at(slots, count, gpa)
    return slots[i, OFFSET] + gpa - slots[i, GPA] if i >= 0 and slots[i, HAS_FILE] else -1


@hot_in_place
def hva_of(slots: Words, count: int, gpa: int) -> int:
    """-1 if it is in no memslot."""
    i = slot_at(slots, count, gpa)
    return slots[i, UA] + gpa - slots[i, GPA] if i >= 0 else -1


@hot_in_place
def gpa_of_offset(slots: Words, count: int, offset: int, size: int) -> int:
    """Of a range of a RAM block, if but one memslot may be meant and all of it lies there."""
    found = -1
    for i in range(count):
        into = offset - slots[i, OFFSET]
        if slots[i, HAS_FILE] and 0 <= into < slots[i, SIZE]:
            if found >= 0 or into + size > slots[i, SIZE]:
                return -1
            found = slots[i, GPA] + into
    return found
