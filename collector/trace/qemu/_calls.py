"""What a QEMU log records, line by line -> CALLs. Compiled.

QEMU prints kvm_convert_memory before it checks anything, and asks KVM afterwards. That KVM took the
conversion shows in what QEMU does next with the same range: ram_block_attributes_state_change, then
ram_block_discard_shared_range; that it did not, in a message. Until then a conversion waits, and if
nothing shows it, it stays unconfirmed. Logs of QEMU 11 name no threads: there the range alone shows
what belongs together.
"""

import numpy as np
import numpy.typing as npt

from app.compiled import constant, hot_in_place, hot_part, mixed, slot_of
from app.model.guest import Cause, Certainty, To
from collector.codes import HAS_GMEM, SAW_GMEM, SAW_RANGE_BY_REQUEST, CallCode, RecordCode
from collector.kvm import uapi
from collector.pairing import state as s
from collector.trace.qemu import _memory as memory
from collector.trace.qemu._events import QemuCode

Words = npt.NDArray[np.int64]

SET_USER_MEMORY = constant(QemuCode.SET_USER_MEMORY)
CONVERT = constant(QemuCode.CONVERT)
MEMORY_FAULT = constant(QemuCode.MEMORY_FAULT)
MAP_GPA_RANGE = constant(QemuCode.MAP_GPA_RANGE)
RUN_EXIT = constant(QemuCode.RUN_EXIT)
DISCARD = constant(QemuCode.DISCARD)
STATE_CHANGE = constant(QemuCode.STATE_CHANGE)
INIT_VCPU = constant(QemuCode.INIT_VCPU)
CREATE_VM = constant(QemuCode.CREATE_VM)
SET_ATTRIBUTES = constant(QemuCode.SET_ATTRIBUTES)
FAILED = constant(QemuCode.FAILED)
REGISTER_REGION = constant(QemuCode.REGISTER_REGION)
UNREGISTER_REGION = constant(QemuCode.UNREGISTER_REGION)
GAP_BEGIN, GAP_END = RecordCode.LOSS_BEGIN, RecordCode.LOSS_END

# Columns of `waiting`, conversions that were asked for, and of `asked`, what the guest did to want
# them; both oldest first.
TS, SEQ, TID, START, SIZE, ATTRIBUTES, CAUSE, IS_CALLED = range(8)
REQUEST_WIDTH = 8
MOST_REQUESTS = 64
"""Then the oldest is given up: a conversion stays unconfirmed."""

# Places in `shared`: how many there are of each, rows so far, and where a set-up stands: QEMU makes
# memory with a guest_memfd private when it has set its memslot.
WAITING, ASKED, SLOTS, ROWS, SETUP = range(5)
SETUP_TID, SETUP_GPA, SETUP_SIZE, SETUP_TS, SETUP_SEQ = range(5, 10)
CHANGED_START, CHANGED_SIZE = 10, 11
"""What became private last, until its memory is freed."""
SHARED_WIDTH = 12
SET_UP_EXPECTED, SET_UP_CALLED = 1, 2

OUT_WORDS = s.CALL_WORDS + 1
SEQ_AT = s.CALL_WORDS
"""After each CALL its place in the order of lines."""
OUT_PER_ROW = MOST_REQUESTS + 4
"""CALLs that one row becomes at most."""
VCPU_SLOTS = 1 << 13
"""Of a hash table from thread + 1 to vCPU + 1."""

_PRIVATE = uapi.KVM_MEMORY_ATTRIBUTE_PRIVATE
_STRUCT = s.SEEN_WITH_STRUCT
_ENTERED, _LEFT = s.ENTERED, s.LEFT
_ANSWERED = constant(int(_STRUCT) & ~int(_ENTERED))
"""Its entry was not seen at the time that is recorded: how long it took is not known."""
_ASKED_ONLY = constant(int(_STRUCT) & ~int(_LEFT))
_BY_REQUEST = constant(SAW_RANGE_BY_REQUEST)
_GMEM, _HAS_GMEM = constant(SAW_GMEM), constant(HAS_GMEM)
_PAGE_SHIFT, _LOW = 12, 4095
_EINVAL = constant(22)


@hot_in_place
def calls_of(
    rows: Words,
    at: int,
    waiting: Words,
    asked: Words,
    slots: Words,
    shared: Words,
    vcpus: Words,
    out: Words,
) -> tuple[int, int]:
    """Take rows from `at` on while there is room; returns (how far it came, CALLs written)."""
    n = 0
    while at < len(rows) and n + OUT_PER_ROW <= len(out):
        code = (rows[at, 1] >> 48) & 0xFF
        shared[ROWS] += 1
        if shared[SETUP] == SET_UP_CALLED and code != RUN_EXIT:
            n = set_up(shared, vcpus, out, n, _LEFT)
        if code in (RUN_EXIT, INIT_VCPU):
            learn_vcpu(vcpus, tid_of(rows, at), rows[at, 2])
        elif code == CONVERT:
            n = convert(rows, at, waiting, asked, shared, vcpus, out, n)
        elif code in (MEMORY_FAULT, MAP_GPA_RANGE):
            n = ask(rows, at, code, asked, shared, vcpus, out, n)
        elif code == STATE_CHANGE:
            n = change(rows, at, waiting, slots, shared, vcpus, out, n)
        elif code == DISCARD:
            n = discard(rows, at, waiting, slots, shared, vcpus, out, n)
        elif code == SET_USER_MEMORY:
            n = set_slot(rows, at, slots, shared, vcpus, out, n)
        elif code == SET_ATTRIBUTES:
            n = call(rows, at, waiting, shared, vcpus, out, n)
        elif code == FAILED:
            n = fail(rows, at, waiting, shared, vcpus, out, n)
        else:
            n = pass_on(rows, at, code, waiting, shared, vcpus, out, n)
        at += 1
    return at, n


@hot_in_place
def tid_of(rows: Words, at: int) -> int:
    """0 if the log does not name it."""
    return rows[at, 1] & 0xFFFFFFFF  # type: ignore[no-any-return]


# -- vCPUs ---------------------------------------------------------------------------------------


@hot_in_place
def vcpu_place(vcpus: Words, tid: int) -> int:
    """-1 if there is no room for it."""
    return int(slot_of(is_vcpu_place, vcpus, VCPU_SLOTS, mixed(tid), tid))


@hot_part
def is_vcpu_place(vcpus: Words, at: int, tid: int) -> bool:
    return bool(vcpus[at, 0] == 0 or vcpus[at, 0] == tid + 1)


@hot_in_place
def learn_vcpu(vcpus: Words, tid: int, vcpu: int) -> None:
    at = vcpu_place(vcpus, tid) if tid > 0 else -1
    if at >= 0:
        vcpus[at, 0], vcpus[at, 1] = tid + 1, vcpu + 1


@hot_in_place
def vcpu_of(vcpus: Words, tid: int) -> int:
    """-1 if it is not known to run one."""
    at = vcpu_place(vcpus, tid) if tid > 0 else -1
    return vcpus[at, 1] - 1 if at >= 0 and vcpus[at, 0] != 0 else -1


# -- CALLs ---------------------------------------------------------------------------------------


@hot_in_place
def emit(
    out: Words, n: int, ts: int, seq: int, tid: int, code: int, flags: int, vcpus: Words
) -> int:
    """Write a CALL that holds nothing else yet; returns the next free place."""
    for k in range(OUT_WORDS):
        out[n, k] = 0
    out[n, 0] = out[n, 1] = ts
    out[n, 2] = tid
    vcpu = vcpu_of(vcpus, tid) & 0xFFFF
    out[n, 3] = 0xFFFF | code << 16 | flags << 24 | vcpu << 48
    out[n, 5] = 0xFFFFFFFF  # fd -1
    out[n, SEQ_AT] = seq
    return n + 1


@hot_in_place
def emit_conversion(
    table: Words, i: int, ts: int, seq: int, flags: int, ret: int, vcpus: Words, out: Words, n: int
) -> int:
    """The conversion in row `i` of `waiting`."""
    n = emit(out, n, ts, seq, table[i, TID], CallCode.SET_ATTRIBUTES, flags, vcpus)
    if table[i, CAUSE] != Cause.NONE:
        out[n - 1, 3] |= table[i, CAUSE] << 32 | Certainty.SEEN << 40
    fill(out, n - 1, table[i, START], table[i, SIZE], table[i, ATTRIBUTES], ret)
    return n


@hot_in_place
def fill(out: Words, n: int, start: int, size: int, attributes: int, ret: int) -> None:
    out[n, s.CALL_RET] = ret
    out[n, s.CALL_V], out[n, s.CALL_V + 1], out[n, s.CALL_V + 2] = start, size, attributes


@hot_in_place
def pass_on(
    rows: Words, at: int, code: int, waiting: Words, shared: Words, vcpus: Words, out: Words, n: int
) -> int:
    """What is passed on as it is: a new VM, pinned memory, gaps."""
    kind, flags = CallCode.LOSS_END, s.NONE
    if code == CREATE_VM:
        n = give_up_all(waiting, shared, vcpus, out, n)
        kind, flags = CallCode.CREATE_VM, _ANSWERED
        shared[SLOTS] = shared[SETUP] = 0
    elif code == REGISTER_REGION:
        kind, flags = CallCode.REGISTER_REGION, _ASKED_ONLY
    elif code == UNREGISTER_REGION:
        kind, flags = CallCode.UNREGISTER_REGION, _ASKED_ONLY
    elif code == GAP_BEGIN:
        kind = CallCode.LOSS_BEGIN
    elif code != GAP_END:
        return n
    n = emit(out, n, rows[at, 0], shared[ROWS], tid_of(rows, at), kind, flags, vcpus)
    out[n - 1, s.CALL_V], out[n - 1, s.CALL_V + 1] = rows[at, 2], rows[at, 3]
    return n


# -- conversions ---------------------------------------------------------------------------------


@hot_in_place
def put(table: Words, count: int, rows: Words, at: int, seq: int, attributes: int) -> None:
    """Add the request of a row to the end."""
    table[count, TS], table[count, SEQ] = rows[at, 0], seq
    table[count, TID] = tid_of(rows, at)
    table[count, START], table[count, SIZE] = rows[at, 2], rows[at, 3]
    table[count, ATTRIBUTES] = attributes
    table[count, CAUSE] = Cause.NONE
    table[count, IS_CALLED] = 0


@hot_in_place
def remove(table: Words, shared: Words, counter: int, i: int) -> None:
    shared[counter] -= 1
    for row in range(i, shared[counter]):
        for k in range(REQUEST_WIDTH):
            table[row, k] = table[row + 1, k]


@hot_in_place
def newest(table: Words, count: int, tid: int, start: int, size: int, attributes: int) -> int:
    """The latest request for exactly that by that thread (0: any); -1 if there is none."""
    for i in range(count - 1, -1, -1):
        is_same = table[i, START] == start and table[i, SIZE] == size
        if is_same and table[i, ATTRIBUTES] == attributes and table[i, TID] == tid:
            return i
    return -1


@hot_in_place
def ask(
    rows: Words, at: int, code: int, asked: Words, shared: Words, vcpus: Words, out: Words, n: int
) -> int:
    """The guest asks for a conversion, or touched a page that is in the wrong state."""
    tid = tid_of(rows, at)
    is_explicit = code == MAP_GPA_RANGE
    bit = uapi.KVM_MAP_GPA_RANGE_ENCRYPTED if is_explicit else _PRIVATE
    is_private = rows[at, 4] & bit != 0
    for i in range(shared[ASKED] - 1, -1, -1):  # what a thread asked for before is done
        if tid > 0 and asked[i, TID] == tid:
            remove(asked, shared, ASKED, i)
    if shared[ASKED] == MOST_REQUESTS:
        remove(asked, shared, ASKED, 0)
    count = shared[ASKED]
    put(asked, count, rows, at, shared[ROWS], _PRIVATE if is_private else 0)
    asked[count, CAUSE] = Cause.EXPLICIT if is_explicit else Cause.IMPLICIT
    shared[ASKED] += 1
    kind = CallCode.HYPERCALL if is_explicit else CallCode.MEMORY_FAULT
    n = emit(out, n, rows[at, 0], shared[ROWS], tid, kind, _ASKED_ONLY, vcpus)
    fill(out, n - 1, rows[at, 2], rows[at, 3], rows[at, 4], 0)
    if is_explicit:
        out[n - 1, s.CALL_V + 1] = rows[at, 3] >> _PAGE_SHIFT
        out[n - 1, s.CALL_V + 3] = To.PRIVATE if is_private else To.SHARED
    return n


@hot_in_place
def convert(
    rows: Words,
    at: int,
    waiting: Words,
    asked: Words,
    shared: Words,
    vcpus: Words,
    out: Words,
    n: int,
) -> int:
    """QEMU is about to convert. What its thread did before is over."""
    tid = tid_of(rows, at)
    for i in range(shared[WAITING] - 1, -1, -1):
        if tid > 0 and waiting[i, TID] == tid:
            n = give_up(waiting, i, shared, vcpus, out, n)
    if tid > 0 and shared[SETUP_TID] == tid:
        shared[SETUP] = 0
    if shared[WAITING] == MOST_REQUESTS:
        n = give_up(waiting, 0, shared, vcpus, out, n)
    count = shared[WAITING]
    put(waiting, count, rows, at, shared[ROWS], rows[at, 4])
    why = newest(asked, shared[ASKED], tid, rows[at, 2], rows[at, 3], rows[at, 4])
    if why >= 0:
        waiting[count, CAUSE] = asked[why, CAUSE]
        remove(asked, shared, ASKED, why)
    shared[WAITING] += 1
    return n


@hot_in_place
def give_up(waiting: Words, i: int, shared: Words, vcpus: Words, out: Words, n: int) -> int:
    """Nothing recorded what became of it. What has no whole pages QEMU itself refuses."""
    ts, seq = waiting[i, TS], waiting[i, SEQ]
    is_whole = (waiting[i, START] | waiting[i, SIZE]) & _LOW == 0 and waiting[i, SIZE] != 0
    flags, ret = (_ASKED_ONLY, s.NONE) if is_whole else (_ANSWERED, -_EINVAL)
    n = emit_conversion(waiting, i, ts, seq, flags, ret, vcpus, out, n)
    remove(waiting, shared, WAITING, i)
    return n


@hot_in_place
def give_up_all(waiting: Words, shared: Words, vcpus: Words, out: Words, n: int) -> int:
    while shared[WAITING] > 0:
        n = give_up(waiting, 0, shared, vcpus, out, n)
    return n


@hot_in_place
def give_up_old(waiting: Words, shared: Words, before_seq: int, vcpus: Words, out: Words) -> int:
    """Those that have waited since before a row; returns the CALLs written."""
    n = 0
    while shared[WAITING] > 0 and waiting[0, SEQ] < before_seq:
        n = give_up(waiting, 0, shared, vcpus, out, n)
    return n


@hot_in_place
def confirm(
    rows: Words, at: int, waiting: Words, i: int, shared: Words, vcpus: Words, out: Words, n: int
) -> int:
    """A row proves that KVM applied the conversion in row `i` of `waiting`: from now on."""
    n = emit_conversion(waiting, i, rows[at, 0], shared[ROWS], _ANSWERED, s.NONE, vcpus, out, n)
    remove(waiting, shared, WAITING, i)
    return n


@hot_in_place
def change(
    rows: Words,
    at: int,
    waiting: Words,
    slots: Words,
    shared: Words,
    vcpus: Words,
    out: Words,
    n: int,
) -> int:
    """QEMU notifies others that a range of a RAM block is converted."""
    tid, offset, size = tid_of(rows, at), rows[at, 2], rows[at, 3]
    fitting, fits = 0, -1
    for i in range(shared[WAITING] - 1, -1, -1):  # nobody goes on with an old one
        is_same = waiting[i, SIZE] == size and waiting[i, ATTRIBUTES] == rows[at, 4]
        if not is_same or waiting[i, TID] != tid:
            continue
        expected = memory.offset_of(slots, shared[SLOTS], waiting[i, START])
        if expected == offset:
            if rows[at, 4] == _PRIVATE:
                shared[CHANGED_START], shared[CHANGED_SIZE] = waiting[i, START], size
            return confirm(rows, at, waiting, i, shared, vcpus, out, n)
        if expected < 0:  # of no memslot that we know
            fitting += 1
            fits = i
    if fitting == 1:
        return confirm(rows, at, waiting, fits, shared, vcpus, out, n)
    start = memory.gpa_of_offset(slots, shared[SLOTS], offset, size)
    flags = _LEFT | _BY_REQUEST if start >= 0 else _LEFT
    n = emit(out, n, rows[at, 0], shared[ROWS], tid, CallCode.SET_ATTRIBUTES, flags, vcpus)
    if start >= 0:
        fill(out, n - 1, start, size, rows[at, 4], 0)
    return n


@hot_in_place
def discard(
    rows: Words,
    at: int,
    waiting: Words,
    slots: Words,
    shared: Words,
    vcpus: Words,
    out: Words,
    n: int,
) -> int:
    """QEMU has freed memory of its own: because it became private, or for another reason."""
    tid, hva, size = tid_of(rows, at), rows[at, 2], rows[at, 3]
    start, count = shared[CHANGED_START], shared[SLOTS]
    if shared[CHANGED_SIZE] == size and memory.hva_of(slots, count, start) == hva:
        shared[CHANGED_SIZE] = 0  # it belongs to what is confirmed already
        return free(rows, at, shared, vcpus, out, n)
    for i in range(shared[WAITING] - 1, -1, -1):  # nobody goes on with an old one
        is_same = waiting[i, SIZE] == size and waiting[i, ATTRIBUTES] == _PRIVATE
        if not is_same or waiting[i, TID] != tid:
            continue
        expected = memory.hva_of(slots, shared[SLOTS], waiting[i, START])
        if expected == hva or (expected < 0 and tid > 0):
            n = confirm(rows, at, waiting, i, shared, vcpus, out, n)
            break
    return free(rows, at, shared, vcpus, out, n)


@hot_in_place
def free(rows: Words, at: int, shared: Words, vcpus: Words, out: Words, n: int) -> int:
    """What a discard did, if it worked."""
    tid, hva, size = tid_of(rows, at), rows[at, 2], rows[at, 3]
    was_freed = rows[at, 6] == 0 and rows[at, 4] | rows[at, 5] != 0
    if was_freed:
        n = emit(out, n, rows[at, 0], shared[ROWS], tid, CallCode.UNMAP, _ENTERED, vcpus)
        out[n - 1, s.CALL_V], out[n - 1, s.CALL_V + 1] = hva, hva + size
    return n


@hot_in_place
def fail(
    rows: Words, at: int, waiting: Words, shared: Words, vcpus: Words, out: Words, n: int
) -> int:
    """QEMU reports that a conversion failed. Messages name no thread."""
    i = shared[WAITING] - 1
    while i >= 0:
        is_same = waiting[i, START] == rows[at, 2] and waiting[i, SIZE] == rows[at, 3]
        if is_same and waiting[i, ATTRIBUTES] == rows[at, 4]:
            break
        i -= 1
    if i < 0:
        i = shared[WAITING]  # the row behind the last one: there is room for it
        put(waiting, i, rows, at, shared[ROWS], rows[at, 4])
        shared[WAITING] += 1
    ts, seq = rows[at, 0], shared[ROWS]
    n = emit_conversion(waiting, i, ts, seq, _ANSWERED, -rows[at, 5], vcpus, out, n)
    remove(waiting, shared, WAITING, i)
    return n


# -- memslots ------------------------------------------------------------------------------------


@hot_in_place
def set_slot(
    rows: Words, at: int, slots: Words, shared: Words, vcpus: Words, out: Words, n: int
) -> int:
    has_gmem = (rows[at, 1] >> 56) & _HAS_GMEM != 0
    flags = _ANSWERED | _GMEM if has_gmem else _ANSWERED
    tid = tid_of(rows, at)
    n = emit(out, n, rows[at, 0], shared[ROWS], tid, CallCode.SET_REGION, flags, vcpus)
    for k in range(6):
        out[n - 1, s.CALL_V + k] = rows[at, 2 + k]
    out[n - 1, s.CALL_RET] = rows[at, 8]
    if rows[at, 8] != 0:
        return n
    uses_gmem = has_gmem and (rows[at, 2] >> 32) & uapi.KVM_MEM_GUEST_MEMFD != 0
    shared[SLOTS] = memory.set_slot(slots, shared[SLOTS], rows, at, uses_gmem)
    shared[SETUP] = SET_UP_EXPECTED if uses_gmem and rows[at, 4] > 0 else 0
    shared[SETUP_TID] = tid
    shared[SETUP_GPA], shared[SETUP_SIZE] = rows[at, 3], rows[at, 4]
    return n


@hot_in_place
def call(
    rows: Words, at: int, waiting: Words, shared: Words, vcpus: Words, out: Words, n: int
) -> int:
    """QEMU is about to ask KVM for a conversion: which one, must be known from before."""
    tid = tid_of(rows, at)
    if shared[SETUP] == SET_UP_EXPECTED and shared[SETUP_TID] == tid:
        shared[SETUP] = SET_UP_CALLED
        shared[SETUP_TS], shared[SETUP_SEQ] = rows[at, 0], shared[ROWS]
        return n
    for i in range(shared[WAITING]):
        if waiting[i, TID] == tid and waiting[i, IS_CALLED] == 0:
            waiting[i, IS_CALLED] = 1
            return n
    return emit(out, n, rows[at, 0], shared[ROWS], tid, CallCode.SET_ATTRIBUTES, _ENTERED, vcpus)


@hot_in_place
def set_up(shared: Words, vcpus: Words, out: Words, n: int, flags: int) -> int:
    """A memslot was made private: had that failed, QEMU would have ended."""
    ts, seq, tid = shared[SETUP_TS], shared[SETUP_SEQ], shared[SETUP_TID]
    n = emit(out, n, ts, seq, tid, CallCode.SET_ATTRIBUTES, flags | _BY_REQUEST, vcpus)
    out[n - 1, 3] |= Cause.VMM << 32 | Certainty.SEEN << 40
    fill(out, n - 1, shared[SETUP_GPA], shared[SETUP_SIZE], _PRIVATE, 0)
    shared[SETUP] = 0
    return n
