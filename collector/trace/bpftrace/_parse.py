"""Lines of the bpftrace program -> CALL rows, in compiled code; see _shapes for lines.

Nothing but exactly a line is taken for one: what is not ends the parsing, and is for the caller to
judge.
"""

import numpy as np
import numpy.typing as npt

from app.compiled import constant, hot_in_place, hot_part, signed
from app.model.guest import Cause, Certainty
from collector.codes import SAW_EXIT, SAW_GMEM, CallCode
from collector.pairing import begin_call, direction_of, sign_extended, state as s
from collector.trace.bpftrace import _shapes as shapes
from collector.trace.bpftrace._state import CPUS, Tables

Words = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

TIME_BITS = 62
"""As in collector.assemble."""
_NEWLINE = constant(ord("\n"))
_BLANK = constant(ord(" "))


@hot_in_place
def digit_of(byte: int) -> int:
    """-1 if it is none."""
    if 48 <= byte <= 57:
        return byte - 48
    if 97 <= byte <= 102:
        return byte - 87
    return -1


@hot_in_place
def read_fields(text: Bytes, at: int, end: int, count: int, fields: Words) -> int:
    """Read ` hex` `count` times and the end of the line; returns where the next line begins."""
    for k in range(count):
        if at >= end or text[at] != _BLANK:
            return -1
        at += 1
        begin = at
        value = signed(0)
        while at < end:
            digit = digit_of(signed(text[at]))
            if digit < 0:
                break
            value = value << 4 | digit
            at += 1
        if at == begin or at - begin > 16 or (at - begin > 1 and text[begin] == 48):
            return -1
        fields[k] = value
    if at >= end or text[at] != _NEWLINE:
        return -1
    return at + 1


@hot_part
def is_plausible(line: s.Row) -> bool:
    """Whether times, thread and CPU in the head of a call can be."""
    leave, cpu = line.ts_enter + line.duration_ns, line.where >> 40
    has_times = line.ts_enter > 0 and leave >= line.ts_enter and leave >> TIME_BITS == 0
    has_thread = (line.who & 0xFFFFFFFF) >> 31 == 0 and line.who >= 0
    return bool(has_times and has_thread and 0 <= cpu < CPUS)


@hot_part
def set_cause(call: s.Row, cause: int) -> None:
    """Of a call that a guest may have asked for. `cause`: what the vCPU came back with last."""
    call.cause, call.cause_certainty = cause, Certainty.SEEN
    if cause == Cause.NONE:  # that was not watched yet, if it ran a vCPU
        call.cause, call.cause_certainty = Cause.VMM, Certainty.INFERRED


@hot_part
def set_values(call: s.Row, line: s.Row, count: int) -> None:
    for k in range(7):
        call.v[k] = line.v[k] if k < count else 0
    if call.flags & SAW_GMEM:
        call.v[5] = sign_extended(call.v[5])  # guest_memfd


@hot_in_place
def write_call(tables: Tables, letter: int, n: int) -> bool:
    """Make the line at hand calls[n]; whether it can be one."""
    line, shape, call = tables.call[0], tables.shapes[letter], tables.calls[n]
    takes_time = line.duration_ns != 0
    cause = (line.where >> 32) & 0xFF
    if not is_plausible(line) or cause > Cause.VMM:
        return False
    if takes_time and shape.flags & SAW_EXIT == 0:
        return False  # it is only observed
    begin_call(call, shape.code, shape.flags, line.ts_enter, line.ts_enter + line.duration_ns)
    call.tid, call.tgid = line.who & 0xFFFFFFFF, line.who >> 32
    call.cpu, call.fd, call.ret = line.where >> 40, line.where & 0xFFFFFFFF, line.ret
    if shape.is_caused and tables.shared[0].has_causes:
        set_cause(call, cause)
    count = shape.fields - shapes.HEAD_FIELDS
    if shape.has_vcpu:
        count -= 1
        vcpu = line.v[count]
        if vcpu < -1 or vcpu > s.MOST_VCPU:
            return False
        call.vcpu = vcpu
    set_values(call, line, count)
    return True


@hot_part
def hear(tables: Tables, cpu: int, first: int, reported: int) -> None:
    """A CPU reported something of the time from `first` on, at `reported`.

    What a buffer holds is printed at once; what was lost when it was full is reported before the
    rest.
    """
    shared, row = tables.shared[0], tables.cpus[cpu]
    if shared.last_cpu != cpu + 1 or row.round != shared.rounds:
        row.run, row.is_full = 0, 0
        row.round, shared.last_cpu = shared.rounds, cpu + 1
    row.run += 1
    if shared.buffer_lines > 0 and row.run >= shared.buffer_lines:
        row.is_full = 1
    row.reported = max(row.reported, reported)
    if shared.oldest_ns == 0 or reported < shared.oldest_ns:
        shared.oldest_ns = reported
    if shared.first_ns == 0 or first < shared.first_ns:
        shared.first_ns = first


@hot_in_place
def take_tick(tables: Tables) -> bool:
    """A CPU has reported everything up to now; whether the line can be that."""
    now, cpu = tables.numbers[0], tables.numbers[1]
    if now <= 0 or now >> TIME_BITS or cpu < 0 or cpu >= CPUS:
        return False
    tables.cpus[cpu].ticks += 1
    hear(tables, cpu, now, now)
    tables.shared[0].tick_ns = now
    return True


@hot_in_place
def parse(tables: Tables, text: Bytes, at: int, end: int, n: int) -> tuple[int, int]:
    """Read lines of text[at:end] into calls[n:]; returns (how far it came, calls there are).

    Stops where a line is none of ours, where `calls` is full, and after a tick if that is asked
    for.
    """
    tables.shared[0].tick_ns = 0
    while at < end and n < len(tables.calls):
        letter = signed(text[at])
        count = tables.shapes[letter].fields
        after = -1
        if count > 0:
            after = read_fields(text, at + 1, end, count, tables.numbers)
        if after < 0:
            break
        if letter == shapes.TICK:
            if not take_tick(tables):
                break
            at = after
            if tables.shared[0].stops_at_tick:
                break
            continue
        if not write_call(tables, letter, n):
            break
        tables.shapes[letter].count += 1
        call = tables.calls[n]
        hear(tables, tables.call[0].where >> 40, call.ts_enter, call.ts_exit)
        n += 1
        at = after
    return at, n


@hot_in_place
def decide_directions(calls: s.Rows, shared: s.Rows) -> None:
    """For each hypercall, in order of time, what its a2 asks for. `shared`: [1] SHARED."""
    for i in range(len(calls)):
        call = calls[i]
        if call.code == CallCode.HYPERCALL:
            call.v[3] = direction_of(shared[0], call.v[0], call.v[1], call.v[2])
