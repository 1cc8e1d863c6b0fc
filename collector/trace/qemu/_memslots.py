"""The live memslots that a QEMU log recorded, for translating addresses. Compiled.

A RAM block with a guest_memfd has that file from its start on: an offset in the block is one in the
file.
"""

from app.compiled import hot_in_place, hot_part
from collector.pairing import state as s
from collector.trace.qemu._state import MOST_SLOTS, Tables


@hot_in_place
def set_slot(tables: Tables, record: s.Row, has_file: bool) -> None:
    """Take a QemuCode.SET_USER_MEMORY that succeeded."""
    slots, shared = tables.slots, tables.shared[0]
    number = record.v[0] & 0xFFFFFFFF
    count = shared.slots
    i = 0
    while i < count and slots[i].number != number:
        i += 1
    if record.v[2] == 0:
        if i < count:
            slots[i] = slots[count - 1]
            shared.slots = count - 1
    elif i < MOST_SLOTS:
        slot = slots[i]
        slot.number, slot.gpa, slot.size = number, record.v[1], record.v[2]
        slot.hva, slot.offset, slot.has_file = record.v[3], record.v[4], has_file
        shared.slots = max(count, i + 1)


@hot_part
def slot_at(tables: Tables, gpa: int) -> int:
    """-1 if it is in none."""
    for i in range(tables.shared[0].slots):
        slot = tables.slots[i]
        if slot.gpa <= gpa < slot.gpa + slot.size:
            return i
    return -1


@hot_part
def offset_of(tables: Tables, gpa: int) -> int:
    """In the RAM block; -1 if it is in no memslot with a guest_memfd."""
    i = slot_at(tables, gpa)
    if i < 0 or not tables.slots[i].has_file:
        return -1
    return int(tables.slots[i].offset + gpa - tables.slots[i].gpa)


@hot_part
def hva_of(tables: Tables, gpa: int) -> int:
    """-1 if it is in no memslot."""
    i = slot_at(tables, gpa)
    return int(tables.slots[i].hva + gpa - tables.slots[i].gpa) if i >= 0 else -1


@hot_in_place
def gpa_of_offset(tables: Tables, offset: int, size: int) -> int:
    """Of a range of a RAM block, if but one memslot may be meant and all of it lies there."""
    found = -1
    for i in range(tables.shared[0].slots):
        slot = tables.slots[i]
        into = offset - slot.offset
        if slot.has_file and 0 <= into < slot.size:
            if found >= 0 or into + size > slot.size:
                return -1
            found = slot.gpa + into
    return found
