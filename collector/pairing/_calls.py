"""The call that a thread is in: opened, added to, closed. Compiled; see pairing_state for names.

`table[at]` is the thread's row, `records[i]` the record at hand, `out[n]` the next CALL to write.
Whatever may write calls returns the next free place.
"""

import numpy as np
import numpy.typing as npt

from app.compiled import hot_part
from collector.codes import SAW_STRUCT
from collector.pairing import _state as s
from collector.pairing._causes import ask
from collector.pairing._gaps import may_have_lost
from collector.pairing._rows import emit

Words = npt.NDArray[np.int64]


@hot_part
def settle(
    table: Words, at: int, shared: Words, out: Words, n: int, ts_exit: int, ret: int, saw: int
) -> int:
    """Close the open call and write it down, unless it is none of ours. `saw`: LEFT or NONE."""
    code = table[at, s.CODE]
    table[at, s.CODE] = 0
    if code == s.OTHER or code == s.SOME_REGION or code == 0:
        return n
    if saw == 0:
        ts_exit, ret = table[at, s.TS_ENTER], 0
    n = emit(table, at, out, n, code, table[at, s.FLAGS] | saw, table[at, s.TS_ENTER], ts_exit)
    out[n - 1, 4] = table[at, s.KVM]
    out[n - 1, 5] = (table[at, s.FD] & 0xFFFFFFFF) | (table[at, s.CMD] & 0xFFFFFFFF) << 32
    out[n - 1, s.CALL_RET] = ret
    for k in range(7):
        out[n - 1, s.CALL_V + k] = table[at, s.V + k]
    # Registering a region was how the 2022 private-memory series converted.
    if code == s.SET_ATTRIBUTES or s.SET_ATTRIBUTES2 <= code <= s.UNREGISTER_REGION:
        ask(table, at, shared, out, n - 1)
    return n


@hot_part
def abandon(table: Words, at: int, shared: Words, out: Words, n: int) -> int:
    """The thread went on without the exit of its open call being seen."""
    if table[at, s.MET] & s.MET_RETURN:
        ts, ret = table[at, s.TS_RET], table[at, s.RET]
        return settle(table, at, shared, out, n, ts, ret, s.LEFT)
    return settle(table, at, shared, out, n, s.NONE, s.NONE, s.NONE)


@hot_part
def leave(table: Words, at: int, shared: Words, out: Words, n: int, ts: int, ret: int) -> int:
    """The exit that follows the open call; not trusted if one may have been lost in between."""
    lost = may_have_lost(table, at, shared, table[at, s.ENTER_CPU], table[at, s.TS_ENTER])
    if lost or (table[at, s.MET] & s.MET_RETURN and table[at, s.RET] != ret):
        return abandon(table, at, shared, out, n)
    return settle(table, at, shared, out, n, ts, ret, s.LEFT)


@hot_part
def adds_to_open(table: Words, at: int, code: int, met: int, fd: int, kvm: int) -> bool:
    """Whether a record on the way in can belong to the open call: the same, and further in."""
    deeper = s.MET_VM_IOCTL | s.MET_INNER | s.MET_TRACEPOINT | s.MET_POST
    if met == s.MET_VM_IOCTL:
        deeper = s.MET_INNER | s.MET_TRACEPOINT | s.MET_POST
    elif met > s.MET_VM_IOCTL:
        deeper = 0
    if table[at, s.CODE] != code or table[at, s.MET] & (met | deeper | s.MET_RETURN):
        return False
    if met <= s.MET_USER and table[at, s.FD] != fd:
        return False
    return kvm == 0 or table[at, s.KVM] == 0 or table[at, s.KVM] == kvm


@hot_part
def enter(
    table: Words,
    at: int,
    shared: Words,
    out: Words,
    n: int,
    ts: int,
    code: int,
    met: int,
    fd: int,
    kvm: int,
) -> int:
    """A record on the way in: it adds to the open call if it can, else it opens one."""
    table[at, s.MAY_RETURN] = 0
    if adds_to_open(table, at, code, met, fd, kvm):
        table[at, s.MET] |= met
    else:
        n = abandon(table, at, shared, out, n)
        table[at, s.CODE], table[at, s.MET] = code, met
        table[at, s.TS_ENTER], table[at, s.ENTER_CPU] = ts, table[at, s.CPU]
        table[at, s.FD], table[at, s.CMD], table[at, s.KVM] = fd, 0, 0
        table[at, s.FLAGS] = s.ENTERED
        for k in range(7):
            table[at, s.V + k] = 0
    if kvm != 0:
        table[at, s.KVM] = kvm
    return n


@hot_part
def read_struct(table: Words, at: int, records: Words, i: int, first: int, count: int) -> None:
    """Take `count` arguments from the record's v[first:]. A second probe that read something
    else from the user's memory discredits both."""
    if table[at, s.FLAGS] & SAW_STRUCT:
        for k in range(count):
            if table[at, s.V + k] != records[i, s.RECORD_V + first + k]:
                table[at, s.FLAGS] &= ~SAW_STRUCT
        return
    read_copy(table, at, records, i, first, count)


@hot_part
def read_copy(table: Words, at: int, records: Words, i: int, first: int, count: int) -> None:
    """Take arguments that are the kernel's own: they overrule what was read from user memory."""
    for k in range(count):
        table[at, s.V + k] = records[i, s.RECORD_V + first + k]
    table[at, s.FLAGS] |= SAW_STRUCT
