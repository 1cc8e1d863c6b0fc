"""One line of a conv.bt log: a call, written at its return.

    ts_enter ts_exit tgid tid comm NAME fd=... ... ret=...
Times are ns; comm may contain blanks; bpftrace prints negative fds as signed or unsigned.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from collector.codes import SAW_ENTER, SAW_EXIT, SAW_GMEM, SAW_STRUCT, CallCode
from collector.records import signed32
from collector.trace.bpftrace._order import UNKNOWN_CPU

_BOTH = SAW_ENTER | SAW_EXIT
_DECIMAL = rb"0|[1-9]\d{0,19}"
_U, _H, _D = rb"(" + _DECIMAL + rb")", rb"(0x[0-9a-f]{1,16})", rb"(-?(?:" + _DECIMAL + rb"))"


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of line: what it becomes and where its numbers go."""

    code: CallCode
    flags: int
    fields: re.Pattern[bytes]


def _fields(*names_and_shapes: tuple[bytes, bytes]) -> re.Pattern[bytes]:
    return re.compile(b" ".join(name + b"=" + shape for name, shape in names_and_shapes))


_FD, _RET = (b"fd", _D), (b"ret", _D)
_REGION = ((b"slot", _U), (b"flags", _H), (b"gpa", _H), (b"size", _H), (b"hva", _H))
_GMEM = ((b"gmem_offset", _H), (b"gmem_fd", _D))
LINES: dict[bytes, Line] = {
    b"SET_MEMORY_ATTRIBUTES": Line(
        CallCode.SET_ATTRIBUTES,
        _BOTH | SAW_STRUCT,
        _fields(_FD, (b"address", _H), (b"size", _H), (b"attributes", _H), (b"flags", _H), _RET),
    ),
    b"SET_USER_MEMORY_REGION": Line(
        CallCode.SET_REGION, _BOTH | SAW_STRUCT, _fields(_FD, *_REGION, _RET)
    ),
    b"SET_USER_MEMORY_REGION2": Line(
        CallCode.SET_REGION, _BOTH | SAW_STRUCT | SAW_GMEM, _fields(_FD, *_REGION, *_GMEM, _RET)
    ),
    b"CREATE_GUEST_MEMFD": Line(
        CallCode.CREATE_GUEST_MEMFD,
        _BOTH | SAW_STRUCT,
        _fields(_FD, (b"size", _H), (b"flags", _H), _RET),
    ),
    b"CREATE_VM": Line(CallCode.CREATE_VM, _BOTH | SAW_STRUCT, _fields(_FD, (b"type", _D), _RET)),
    b"CREATE_VCPU": Line(
        CallCode.CREATE_VCPU, _BOTH | SAW_STRUCT, _fields(_FD, (b"vcpu_id", _D), _RET)
    ),
    b"FALLOCATE": Line(
        CallCode.FALLOCATE,
        _BOTH | SAW_STRUCT,
        _fields(_FD, (b"mode", _H), (b"offset", _H), (b"len", _H), _RET),
    ),
}
_NAMES = b"|".join(sorted(LINES, reverse=True))
_HEAD = re.compile(
    rb"(\d{1,20}) (\d{1,20}) (\d{1,10}) (\d{1,10}) (.{0,15}) (" + _NAMES + rb") (fd=.*)"
)
_U64 = (1 << 64) - 1

Row = tuple[int, int, *tuple[object, ...]]
"""The columns of CALL in order: times of entry and exit first."""


class ParsedCall(NamedTuple):
    """What a line holds."""

    name: bytes
    command: bytes
    code: CallCode
    tid: int
    row: Row


def is_call(line: bytes) -> bool:
    """Whether a line begins as those of calls do."""
    return _HEAD.match(line) is not None


def parsed(text: bytes) -> ParsedCall | None:
    """Read a line without its end; None if it is none, or damaged."""
    head = _HEAD.fullmatch(text)
    if head is None:
        return None
    line = LINES[head[6]]
    values = line.fields.fullmatch(head[7])
    if values is None:
        return None
    numbers = [int(value, 0) for value in values.groups()]
    t_enter, t_exit, tgid, tid = (int(head[i]) for i in range(1, 5))
    if not _is_plausible(t_enter, t_exit, tgid, tid, numbers):
        return None
    fd, ret = signed32(numbers[0]), numbers[-1]
    who = (tid, tgid, UNKNOWN_CPU, line.code, line.flags, 0, 0, -1, 0)
    row = (t_enter, t_exit, *who, fd, 0, ret, _arguments(line, numbers[1:-1]))
    return ParsedCall(head[6], head[5], line.code, tid, row)


def _is_plausible(t_enter: int, t_exit: int, tgid: int, tid: int, numbers: list[int]) -> bool:
    if not t_enter <= t_exit < 1 << 63 or max(tgid, tid) >= 1 << 31:
        return False
    return all(-(1 << 63) <= n <= _U64 for n in numbers) and numbers[-1] < 1 << 63


def _arguments(line: Line, numbers: list[int]) -> tuple[int, ...]:
    """The call's v: see CallCode."""
    v = [n & _U64 for n in numbers]
    if line.code == CallCode.SET_REGION:
        v[0:2] = [(v[0] & 0xFFFFFFFF) | (v[1] & 0xFFFFFFFF) << 32]
        if len(v) > 5:
            v[5] = signed32(v[5]) & _U64
    return (*v, *[0] * (7 - len(v)))
