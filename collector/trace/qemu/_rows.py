"""The calls that a QEMU log yields, and which vCPU a thread runs. Compiled; see _state."""

from app.compiled import hot_in_place, hot_part, mixed, slot_of
from app.model.guest import Cause, Certainty
from collector.codes import CallCode
from collector.pairing import begin_call, state as s
from collector.trace.qemu._state import VCPUS, Tables


@hot_part
def vcpu_place(vcpus: s.Rows, tid: int) -> int:
    """-1 if there is no room for it."""
    return int(slot_of(is_vcpu_place, vcpus, VCPUS, mixed(tid), tid))


@hot_part
def is_vcpu_place(vcpus: s.Rows, at: int, tid: int) -> bool:
    return bool(vcpus[at].tid == 0 or vcpus[at].tid == tid + 1)


@hot_part
def learn_vcpu(vcpus: s.Rows, tid: int, vcpu: int) -> None:
    at = vcpu_place(vcpus, tid) if tid > 0 else -1
    if at >= 0:
        vcpus[at].tid, vcpus[at].vcpu = tid + 1, vcpu + 1


@hot_part
def vcpu_of(vcpus: s.Rows, tid: int) -> int:
    """-1 if it is not known to run one."""
    at = vcpu_place(vcpus, tid) if tid > 0 else -1
    return int(vcpus[at].vcpu - 1) if at >= 0 and vcpus[at].tid != 0 else -1


@hot_part
def emit(tables: Tables, ts: int, seq: int, tid: int, code: int, flags: int) -> int:
    """Write a CALL that holds nothing else yet; returns its place."""
    n = tables.shared[0].calls
    call = tables.calls[n]
    begin_call(call, code, flags, ts, ts)
    call.tid, call.vcpu = tid, vcpu_of(tables.vcpus, tid)
    tables.seqs[n] = seq
    tables.shared[0].calls = n + 1
    return int(n)


@hot_part
def emit_now(tables: Tables, record: s.Row, code: int, flags: int) -> int:
    """Write a CALL of the row at hand."""
    return int(emit(tables, record.ts, tables.shared[0].seq, record.tid, code, flags))


@hot_in_place
def emit_conversion(
    tables: Tables, request: s.Row, ts: int, seq: int, flags: int, ret: int
) -> None:
    """Write the conversion of a request, as of `ts` in line `seq`."""
    n = emit(tables, ts, seq, request.tid, CallCode.SET_ATTRIBUTES, flags)
    call = tables.calls[n]
    if request.cause != Cause.NONE:
        call.cause, call.cause_certainty = request.cause, Certainty.SEEN
    call.ret = ret
    call.v[0], call.v[1], call.v[2] = request.start, request.size, request.attributes
