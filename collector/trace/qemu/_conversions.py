"""Conversions in a QEMU log: why, which, and what became of them. Compiled.

QEMU prints kvm_convert_memory before it checks anything, and asks KVM afterwards. That KVM took the
conversion shows in what QEMU does next with the same range: ram_block_attributes_state_change, then
ram_block_discard_shared_range; that it did not, in a message. Until then a conversion waits, and if
nothing shows it, it stays unconfirmed. Logs of QEMU 11 name no threads: there the range alone shows
what belongs together.
"""

from app.compiled import constant, hot_in_place, hot_part
from app.model.guest import Cause, To
from collector.codes import SAW_ENTER, SAW_EXIT, SAW_RANGE_BY_REQUEST, CallCode
from collector.kvm import uapi
from collector.pairing import state as s
from collector.trace.qemu._events import QemuCode
from collector.trace.qemu._memslots import gpa_of_offset, hva_of, offset_of
from collector.trace.qemu._requests import (
    ANSWERED,
    ASKED_ONLY,
    give_up,
    is_same_range,
    newest_asked,
    put,
    remove_asked,
    settle,
    wait,
)
from collector.trace.qemu._rows import emit_now
from collector.trace.qemu._state import MOST_REQUESTS, SetUp, Tables

_PRIVATE = uapi.KVM_MEMORY_ATTRIBUTE_PRIVATE
_ENTERED, _LEFT = constant(SAW_ENTER), constant(SAW_EXIT)
_LEFT_BY_REQUEST = constant(SAW_EXIT | SAW_RANGE_BY_REQUEST)
_PAGE_SHIFT = 12


@hot_in_place
def ask(tables: Tables, record: s.Row) -> None:
    """The guest asks for a conversion, or touched a page that is in the wrong state."""
    shared = tables.shared[0]
    for i in range(shared.asked - 1, -1, -1):  # what a thread asked for before is done
        if record.tid > 0 and tables.asked[i].tid == record.tid:
            remove_asked(tables, i)
    if shared.asked == MOST_REQUESTS:
        remove_asked(tables, 0)
    attributes, cause = 0, Cause.IMPLICIT
    if record.code == QemuCode.MAP_GPA_RANGE:
        cause = Cause.EXPLICIT
        if record.v[2] & uapi.KVM_MAP_GPA_RANGE_ENCRYPTED:
            attributes = _PRIVATE
    elif record.v[2] & _PRIVATE:
        attributes = _PRIVATE
    put(tables, tables.asked, shared.asked, record, attributes)
    tables.asked[shared.asked].cause = cause
    shared.asked += 1
    emit_request(tables, record, attributes)


@hot_part
def emit_request(tables: Tables, record: s.Row, attributes: int) -> None:
    code = CallCode.MEMORY_FAULT
    if record.code == QemuCode.MAP_GPA_RANGE:
        code = CallCode.HYPERCALL
    call = tables.calls[emit_now(tables, record, code, ASKED_ONLY)]
    call.v[0], call.v[1], call.v[2] = record.v[0], record.v[1], record.v[2]
    if record.code == QemuCode.MAP_GPA_RANGE:
        call.v[1] = record.v[1] >> _PAGE_SHIFT
        call.v[3] = To.PRIVATE if attributes == _PRIVATE else To.SHARED


@hot_in_place
def convert(tables: Tables, record: s.Row) -> None:
    """QEMU is about to convert. What its thread did before is over."""
    shared = tables.shared[0]
    for i in range(shared.waiting - 1, -1, -1):
        if record.tid > 0 and tables.waiting[i].tid == record.tid:
            give_up(tables, i)
    if record.tid > 0 and tables.set_up[0].tid == record.tid:
        shared.set_up = SetUp.NONE
    place = wait(tables, record, record.v[2])
    why = newest_asked(tables, record, record.v[2])
    if why >= 0:
        tables.waiting[place].cause = tables.asked[why].cause
        remove_asked(tables, why)


@hot_part
def confirm(tables: Tables, record: s.Row, i: int) -> None:
    """A row proves that KVM applied the conversion at place `i`: from now on."""
    settle(tables, i, record.ts, tables.shared[0].seq, ANSWERED, s.NONE)


@hot_part
def may_be(request: s.Row, record: s.Row, attributes: int) -> bool:
    """Whether a row may be of the conversion, as far as size, direction and thread show."""
    is_same = request.size == record.v[1] and request.attributes == attributes
    return bool(is_same and request.tid == record.tid)


@hot_part
def waiting_at_offset(tables: Tables, record: s.Row) -> int:
    """The conversion of a range of a RAM block; -1 if it is none, or not the only possible one."""
    count, last = 0, -1
    for i in range(tables.shared[0].waiting - 1, -1, -1):  # nobody goes on with an old one
        if may_be(tables.waiting[i], record, record.v[2]):
            expected = offset_of(tables, tables.waiting[i].start)
            if expected == record.v[0]:
                return i
            if expected < 0:  # of no memslot that we know
                count += 1
                last = i
    return last if count == 1 else -1


@hot_in_place
def change(tables: Tables, record: s.Row) -> None:
    """QEMU notifies others that a range of a RAM block is converted."""
    shared = tables.shared[0]
    i = waiting_at_offset(tables, record)
    if i >= 0:
        waiting = tables.waiting[i]
        if record.v[2] == _PRIVATE and offset_of(tables, waiting.start) == record.v[0]:
            shared.changed_start, shared.changed_size = waiting.start, record.v[1]
        confirm(tables, record, i)
        return
    start = gpa_of_offset(tables, record.v[0], record.v[1])
    if start < 0:
        emit_now(tables, record, CallCode.SET_ATTRIBUTES, _LEFT)
        return
    call = tables.calls[emit_now(tables, record, CallCode.SET_ATTRIBUTES, _LEFT_BY_REQUEST)]
    call.v[0], call.v[1], call.v[2] = start, record.v[1], record.v[2]


@hot_part
def waiting_at_hva(tables: Tables, record: s.Row) -> int:
    """The conversion to private of memory that is freed now; -1 if it is none."""
    for i in range(tables.shared[0].waiting - 1, -1, -1):  # nobody goes on with an old one
        if may_be(tables.waiting[i], record, _PRIVATE):
            expected = hva_of(tables, tables.waiting[i].start)
            if expected == record.v[0] or (expected < 0 and record.tid > 0):
                return i
    return -1


@hot_in_place
def discard(tables: Tables, record: s.Row) -> None:
    """QEMU has freed memory of its own: because it became private, or for another reason."""
    shared = tables.shared[0]
    is_changed = shared.changed_size == record.v[1]
    if is_changed and hva_of(tables, shared.changed_start) == record.v[0]:
        shared.changed_size = 0  # it belongs to what is confirmed already
    else:
        i = waiting_at_hva(tables, record)
        if i >= 0:
            confirm(tables, record, i)
    uses_any, ret = record.v[2] | record.v[3], record.v[4]
    if ret == 0 and uses_any != 0:
        call = tables.calls[emit_now(tables, record, CallCode.UNMAP, _ENTERED)]
        call.v[0], call.v[1] = record.v[0], record.v[0] + record.v[1]


@hot_in_place
def fail(tables: Tables, record: s.Row) -> None:
    """QEMU reports that a conversion failed. Messages name no thread."""
    i = tables.shared[0].waiting - 1
    while i >= 0:
        waiting = tables.waiting[i]
        if waiting.attributes == record.v[2] and is_same_range(waiting, record):
            break
        i -= 1
    if i < 0:  # the place behind the last one: there is room for it
        i = tables.shared[0].waiting
        put(tables, tables.waiting, i, record, record.v[2])
        tables.shared[0].waiting += 1
    settle(tables, i, record.ts, tables.shared[0].seq, ANSWERED, -record.v[3])
