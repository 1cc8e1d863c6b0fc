"""The call that a thread is in: opened, added to, closed. Compiled; see _state for names."""

from app.compiled import hot_part
from collector.codes import SAW_STRUCT, CallCode
from collector.pairing import _state as s
from collector.pairing._causes import ask
from collector.pairing._gaps import may_lack_exit
from collector.pairing._rows import emit
from collector.pairing._state import Met, Row, Tables


@hot_part
def settle(tables: Tables, thread: Row, ts_exit: int, ret: int, saw: int) -> None:
    """Close the open call and write it down, unless it is none of ours. `saw`: LEFT or NONE."""
    code = thread.code
    thread.code = 0
    if code == s.OTHER or code == s.SOME_REGION or code == 0:
        return
    if saw == 0:
        ts_exit, ret = thread.ts_enter, 0
    n = emit(tables, thread, code, thread.flags | saw, thread.ts_enter, ts_exit)
    call = tables.calls[n]
    call.kvm, call.fd, call.cmd, call.ret = thread.kvm, thread.fd, thread.cmd, ret
    for k in range(7):
        call.v[k] = thread.v[k]
    # Registering a region was how the 2022 private-memory series converted.
    is_late_kind = CallCode.SET_ATTRIBUTES2 <= code <= CallCode.UNREGISTER_REGION
    if code == CallCode.SET_ATTRIBUTES or is_late_kind:
        ask(tables, thread, call)


@hot_part
def abandon(tables: Tables, thread: Row) -> None:
    """The thread went on without the exit of its open call being seen."""
    if thread.met & Met.RETURN:
        settle(tables, thread, thread.ts_ret, thread.ret, s.LEFT)
    else:
        settle(tables, thread, s.NONE, s.NONE, s.NONE)


@hot_part
def leave(tables: Tables, thread: Row, ts: int, ret: int) -> None:
    """The exit that follows the open call; not trusted if one may have been lost in between."""
    if may_lack_exit(tables, thread) or (thread.met & Met.RETURN and thread.ret != ret):
        abandon(tables, thread)
    else:
        settle(tables, thread, ts, ret, s.LEFT)


@hot_part
def adds_to_open(thread: Row, code: int, met: int, fd: int, kvm: int) -> bool:
    """Whether a record on the way in can belong to the open call: the same, and further in."""
    deeper = Met.VM_IOCTL | Met.INNER | Met.TRACEPOINT | Met.POST
    if met == Met.VM_IOCTL:
        deeper = Met.INNER | Met.TRACEPOINT | Met.POST
    elif met > Met.VM_IOCTL:
        deeper = 0
    if thread.code != code or thread.met & (met | deeper | Met.RETURN):
        return False
    if met <= Met.USER and thread.fd != fd:
        return False
    return bool(kvm == 0 or thread.kvm == 0 or thread.kvm == kvm)


@hot_part
def enter(tables: Tables, thread: Row, code: int, met: int, fd: int, kvm: int) -> None:
    """The record at hand is on the way in: it adds to the open call if it can, else opens one."""
    thread.may_return = 0
    if adds_to_open(thread, code, met, fd, kvm):
        thread.met |= met
    else:
        abandon(tables, thread)
        thread.code, thread.met = code, met
        thread.ts_enter, thread.enter_cpu = thread.last_ts, thread.cpu
        thread.fd, thread.cmd, thread.kvm = fd, 0, 0
        thread.flags = s.ENTERED
        for k in range(7):
            thread.v[k] = 0
    if kvm != 0:
        thread.kvm = kvm


@hot_part
def read_struct(thread: Row, record: Row, first: int, count: int) -> None:
    """Take `count` arguments from the record's v[first:]. A second probe that read something
    else from the user's memory discredits both."""
    if thread.flags & SAW_STRUCT:
        for k in range(count):
            if thread.v[k] != record.v[first + k]:
                thread.flags &= ~SAW_STRUCT
        return
    read_copy(thread, record, first, count)


@hot_part
def read_copy(thread: Row, record: Row, first: int, count: int) -> None:
    """Take arguments that are the kernel's own: they overrule what was read from user memory."""
    for k in range(count):
        thread.v[k] = record.v[first + k]
    thread.flags |= SAW_STRUCT
