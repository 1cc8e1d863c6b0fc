"""Memslots in a QEMU log: they translate addresses, and QEMU makes the memory of those with a
guest_memfd private when it has set them. Compiled.

A RAM block with a guest_memfd has that file from its start on: an offset in the block is one in the
file.
"""

from app.compiled import constant, hot_in_place, hot_part
from app.model.guest import Cause
from collector.codes import HAS_GMEM, SAW_ENTER, SAW_GMEM, SAW_RANGE_BY_REQUEST, CallCode
from collector.kvm import uapi
from collector.pairing import state as s
from collector.trace.qemu._requests import ANSWERED
from collector.trace.qemu._rows import emit_conversion, emit_now
from collector.trace.qemu._state import MOST_SLOTS, SetUp, Tables

_ENTERED = constant(SAW_ENTER)
_ANSWERED_WITH_GMEM = constant(int(ANSWERED) | SAW_GMEM)
_BY_REQUEST = SAW_RANGE_BY_REQUEST


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


@hot_in_place
def set_region(tables: Tables, record: s.Row) -> None:
    """KVM has answered KVM_SET_USER_MEMORY_REGION(2)."""
    flags = ANSWERED
    if record.flags & HAS_GMEM:
        flags = _ANSWERED_WITH_GMEM
    call = tables.calls[emit_now(tables, record, CallCode.SET_REGION, flags)]
    for k in range(6):
        call.v[k] = record.v[k]
    call.ret = record.v[6]
    if record.v[6] == 0:
        uses_gmem = flags & SAW_GMEM and (record.v[0] >> 32) & uapi.KVM_MEM_GUEST_MEMFD
        set_slot(tables, record, uses_gmem != 0)
        expect_set_up(tables, record, uses_gmem != 0 and record.v[2] > 0)


@hot_part
def expect_set_up(tables: Tables, record: s.Row, is_expected: bool) -> None:
    """A memslot was set: whether QEMU makes its memory private next."""
    tables.shared[0].set_up = SetUp.EXPECTED if is_expected else SetUp.NONE
    request = tables.set_up[0]
    request.tid, request.cause = record.tid, Cause.VMM
    request.start, request.size = record.v[1], record.v[2]
    request.attributes = uapi.KVM_MEMORY_ATTRIBUTE_PRIVATE


@hot_in_place
def call_kvm(tables: Tables, record: s.Row) -> None:
    """QEMU is about to ask KVM for a conversion: which one, must be known from before."""
    shared, request = tables.shared[0], tables.set_up[0]
    if shared.set_up == SetUp.EXPECTED and request.tid == record.tid:
        shared.set_up = SetUp.CALLED
        request.ts, request.seq = record.ts, shared.seq
        return
    for i in range(shared.waiting):
        waiting = tables.waiting[i]
        if waiting.tid == record.tid and not waiting.is_called:
            waiting.is_called = 1
            return
    emit_now(tables, record, CallCode.SET_ATTRIBUTES, _ENTERED)


@hot_in_place
def end_set_up(tables: Tables, flags: int) -> None:
    """A memslot was made private: had that failed, QEMU would have ended."""
    request = tables.set_up[0]
    emit_conversion(tables, request, request.ts, request.seq, flags | _BY_REQUEST, s.NONE)
    tables.shared[0].set_up = SetUp.NONE
