"""Lines of the bpftrace program -> CALL rows, in compiled code; see bpftrace_shapes for lines.

Nothing but exactly a line is taken for one: what is not ends the parsing, and is for the caller to
judge.
"""

import numpy as np
import numpy.typing as npt

from app.compiled import constant, hot_in_place, signed
from app.model.guest import Cause, Certainty
from collector.codes import SAW_EXIT, SAW_GMEM, CallCode
from collector.pairing import direction_of, sign_extended, state as s
from collector.trace.bpftrace import _shapes as shapes

Words = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

CPUS = 8192
"""As many as a kernel can be built for."""

# What is known of each CPU.
REPORTED = 0  # when it reported last; 0: never
TICKS = 1
RUN = 2  # how many lines it has printed without a pause
ROUND = 3  # ROUNDS when it spoke last
IS_FULL = 4  # it printed as much as its buffer holds at last: what followed may be lost
CPU_WIDTH = 5

# What all lines share.
FIRST_NS = 0  # the earliest time of all; 0: none
STOP_AT_TICK = 1  # return after the next tick
HAS_CAUSES = 2  # exits to user space are watched
TICK_NS = 3  # the last tick of this reading; 0: there was none
ROUNDS = 4  # how often nothing was left to be printed
LAST_CPU = 5  # that spoke, plus one
BUFFER_LINES = 6  # no buffer with fewer of them is full
OLDEST_NS = 7  # of what was printed since this was 0
SHARED = 8

MOST_FIELDS = 16
MOST_VCPU = (1 << 15) - 1
TIME_BITS = 62
"""Both as in collector.assemble."""
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


@hot_in_place
def write_row(fields: Words, letter: int, table: Words, shared: Words, out: Words, n: int) -> bool:
    """Whether the head is that of a call."""
    enter, who, where = fields[0], fields[2], fields[3]
    leave = enter + fields[1]
    tid, tgid, cpu = who & 0xFFFFFFFF, who >> 32, where >> 40
    if (
        enter <= 0
        or leave < enter
        or leave >> TIME_BITS
        or tid >> 31
        or tgid < 0
        or cpu < 0
        or cpu >= CPUS
    ):
        return False
    if table[letter, shapes.FLAGS] & SAW_EXIT == 0 and leave != enter:
        return False  # what is only observed takes no time
    cause, certainty, vcpu = (where >> 32) & 0xFF, signed(0), signed(-1)
    if cause > Cause.VMM:
        return False
    count = table[letter, shapes.FIELDS] - shapes.HEAD_FIELDS
    if table[letter, shapes.IS_CAUSED] and shared[HAS_CAUSES]:
        certainty = Certainty.SEEN
        if cause == Cause.NONE:  # what it came back with was not watched yet, if it ran a vCPU
            cause, certainty = Cause.VMM, Certainty.INFERRED
    else:
        cause = Cause.NONE
    if table[letter, shapes.HAS_VCPU]:
        count -= 1
        vcpu = fields[shapes.HEAD_FIELDS + count]
        if vcpu < -1 or vcpu > MOST_VCPU:
            return False
    out[n, 0], out[n, 1], out[n, 2] = enter, leave, who
    word = cpu | table[letter, shapes.CODE] << 16 | table[letter, shapes.FLAGS] << 24
    out[n, 3] = word | cause << 32 | certainty << 40 | (vcpu & 0xFFFF) << 48
    out[n, 4] = 0
    out[n, 5] = where & 0xFFFFFFFF
    out[n, s.CALL_RET] = fields[4]
    for k in range(7):
        out[n, s.CALL_V + k] = fields[shapes.HEAD_FIELDS + k] if k < count else 0
    if table[letter, shapes.FLAGS] & SAW_GMEM:
        out[n, s.CALL_V + 5] = sign_extended(out[n, s.CALL_V + 5])  # guest_memfd
    return True


@hot_in_place
def speaks(cpus: Words, shared: Words, cpu: int, first: int, reported: int) -> None:
    """A CPU reported something of the time from `first` on, at `reported`.

    What a buffer holds is printed at once; what was lost when it was full is reported before the
    rest.
    """
    if shared[LAST_CPU] != cpu + 1 or cpus[cpu, ROUND] != shared[ROUNDS]:
        cpus[cpu, RUN] = cpus[cpu, IS_FULL] = 0
        cpus[cpu, ROUND], shared[LAST_CPU] = shared[ROUNDS], cpu + 1
    cpus[cpu, RUN] += 1
    if shared[BUFFER_LINES] > 0 and cpus[cpu, RUN] >= shared[BUFFER_LINES]:
        cpus[cpu, IS_FULL] = 1
    cpus[cpu, REPORTED] = max(cpus[cpu, REPORTED], reported)
    if shared[OLDEST_NS] == 0 or reported < shared[OLDEST_NS]:
        shared[OLDEST_NS] = reported
    if shared[FIRST_NS] == 0 or first < shared[FIRST_NS]:
        shared[FIRST_NS] = first


@hot_in_place
def parse(
    text: Bytes,
    at: int,
    end: int,
    table: Words,
    shared: Words,
    cpus: Words,
    fields: Words,
    out: Words,
    n: int,
) -> tuple[int, int]:
    """Read lines of text[at:end] into out[n:]; returns (how far it came, rows there are).

    Stops where a line is none of ours, where `out` is full, and after a tick if that is asked for.
    """
    shared[TICK_NS] = 0
    while at < end and n < len(out):
        letter = signed(text[at])
        count = table[letter, shapes.FIELDS]
        if count == 0:
            break
        after = read_fields(text, at + 1, end, count, fields)
        if after < 0:
            break
        if letter == shapes.TICK:
            if fields[0] <= 0 or fields[0] >> TIME_BITS or fields[1] < 0 or fields[1] >= CPUS:
                break
            cpus[fields[1], TICKS] += 1
            speaks(cpus, shared, fields[1], fields[0], fields[0])
            shared[TICK_NS] = fields[0]
            at = after
            if shared[STOP_AT_TICK]:
                break
            continue
        if not write_row(fields, letter, table, shared, out, n):
            break
        table[letter, shapes.COUNT] += 1
        speaks(cpus, shared, fields[3] >> 40, out[n, 0], out[n, 1])
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
