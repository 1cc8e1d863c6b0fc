"""What a QEMU log records, line by line -> CALLs. Compiled; see _state for tables."""

from app.compiled import hot_in_place, hot_part
from collector.codes import CallCode, RecordCode
from collector.pairing import state as s
from collector.trace.qemu._conversions import ask, change, convert, discard, fail
from collector.trace.qemu._events import QemuCode
from collector.trace.qemu._memslots import call_kvm, end_set_up, set_region
from collector.trace.qemu._requests import ANSWERED, ASKED_ONLY, give_up_before
from collector.trace.qemu._rows import emit_now, learn_vcpu
from collector.trace.qemu._state import MOST_CALLS, SetUp, Tables


@hot_in_place
def pair(tables: Tables, records: s.Rows, start: int) -> int:
    """Take records[start:] while `tables.calls` has room; returns how far it came."""
    shared = tables.shared[0]
    for i in range(start, len(records)):
        if shared.calls + MOST_CALLS > len(tables.calls):
            return i
        record = records[i]
        shared.seq += 1
        if record.code == QemuCode.RUN_EXIT:
            learn_vcpu(tables.vcpus, record.tid, record.v[0])
            continue
        if shared.set_up == SetUp.CALLED:
            end_set_up(tables, s.LEFT)
        take_record(tables, record)
    return len(records)


@hot_part
def take_record(tables: Tables, record: s.Row) -> None:
    code = record.code
    if code == QemuCode.CONVERT:
        convert(tables, record)
    elif code == QemuCode.MEMORY_FAULT or code == QemuCode.MAP_GPA_RANGE:
        ask(tables, record)
    elif code == QemuCode.STATE_CHANGE:
        change(tables, record)
    elif code == QemuCode.DISCARD:
        discard(tables, record)
    elif code == QemuCode.SET_USER_MEMORY:
        set_region(tables, record)
    elif code == QemuCode.SET_ATTRIBUTES:
        call_kvm(tables, record)
    elif code == QemuCode.FAILED:
        fail(tables, record)
    else:
        other_record(tables, record)


@hot_in_place
def other_record(tables: Tables, record: s.Row) -> None:
    """The less frequent records: a new VM or vCPU, pinned memory, gaps."""
    code = record.code
    if code == QemuCode.INIT_VCPU:
        learn_vcpu(tables.vcpus, record.tid, record.v[0])
    elif code == QemuCode.CREATE_VM:
        give_up_before(tables, tables.shared[0].seq)
        tables.shared[0].slots, tables.shared[0].set_up = 0, SetUp.NONE
        observe(tables, record, CallCode.CREATE_VM, ANSWERED)
    elif code == QemuCode.REGISTER_REGION:
        observe(tables, record, CallCode.REGISTER_REGION, ASKED_ONLY)
    elif code == QemuCode.UNREGISTER_REGION:
        observe(tables, record, CallCode.UNREGISTER_REGION, ASKED_ONLY)
    elif code == RecordCode.LOSS_BEGIN:
        observe(tables, record, CallCode.LOSS_BEGIN, s.NONE)
    elif code == RecordCode.LOSS_END:
        observe(tables, record, CallCode.LOSS_END, s.NONE)


@hot_part
def observe(tables: Tables, record: s.Row, code: int, flags: int) -> None:
    call = tables.calls[emit_now(tables, record, code, flags)]
    call.v[0], call.v[1] = record.v[0], record.v[1]
