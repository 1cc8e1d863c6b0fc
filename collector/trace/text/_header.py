"""Who, where and when: what every line of a text trace begins with. Compiled.

    comm tid [cpu] seconds.fraction: ...            perf script
    comm pid/tid [cpu] seconds.fraction: ...        perf script -F pid,tid
    comm-tid [cpu] seconds.fraction: ...            trace-cmd report
    comm-tid (tgid) [cpu] flags seconds.fraction: ...   the tracing file `trace`

comm may hold anything. Where a line is padded it takes the first 16 columns and begins with a
blank, for a comm has 15 characters at most.
"""

from app.compiled import hot_in_place
from collector.trace.text._tables import Row, Text

_COMM_WIDTH = 16
_LONGEST = 80  # bytes before the CPU
_MOST_SECONDS = 9_000_000_000
_MOST_TID = 1 << 31
MOST_CPUS = 0xFFFF
_FRACTION_DIGITS = 9

_BLANK, _DASH, _SLASH, _COLON, _POINT = 32, 45, 47, 58, 46
_OPEN, _CLOSE, _LEFT, _RIGHT = 91, 93, 40, 41


@hot_in_place
def is_digit(byte: int) -> bool:
    return 48 <= byte <= 57


@hot_in_place
def after_blanks(text: Text, at: int, end: int) -> int:
    while at < end and text[at] == _BLANK:
        at += 1
    return at


@hot_in_place
def read_header(text: Text, at: int, end: int, header: Row) -> bool:
    """Whether the line text[at:end] begins as such a line does; what it holds is in `header`."""
    i = min(at + _COMM_WIDTH, end) if text[at] == _BLANK else at
    limit = min(end, at + _LONGEST)
    while i < limit:
        is_place = text[i] == _OPEN and i > at and text[i - 1] == _BLANK
        if is_place and _where_and_when(text, i + 1, end, header) and _who(text, at, i, header):
            return True
        i += 1
    return False


@hot_in_place
def _where_and_when(text: Text, at: int, end: int, header: Row) -> bool:
    """CPU and time; `at` is behind the bracket."""
    cpu, first = 0, at
    while at < end and is_digit(text[at]) and at - first < 6:
        cpu = cpu * 10 + text[at] - 48
        at += 1
    if at == first or at >= end or text[at] != _CLOSE or cpu >= MOST_CPUS:
        return False
    header.cpu = cpu
    at = after_blanks(text, at + 1, end)
    if at < end and not is_digit(text[at]):  # flags: irqs-off, need-resched, ...
        while at < end and text[at] != _BLANK:
            at += 1
        at = after_blanks(text, at, end)
    return _when(text, at, end, header)


@hot_in_place
def _when(text: Text, at: int, end: int, header: Row) -> bool:
    seconds, first = 0, at
    while at < end and is_digit(text[at]) and at - first < 10:
        seconds = seconds * 10 + text[at] - 48
        at += 1
    if at == first or at >= end or text[at] != _POINT or seconds >= _MOST_SECONDS:
        return False
    at += 1
    fraction, first = 0, at
    while at < end and is_digit(text[at]) and at - first < _FRACTION_DIGITS:
        fraction = fraction * 10 + text[at] - 48
        at += 1
    if at == first or at >= end or text[at] != _COLON:
        return False
    for _ in range(_FRACTION_DIGITS - (at - first)):
        fraction *= 10
    header.ts = seconds * 1_000_000_000 + fraction
    header.rest = after_blanks(text, at + 1, end)
    return True


@hot_in_place
def _who(text: Text, begin: int, at: int, header: Row) -> bool:
    """Thread and process, read backwards from the bracket at `at`."""
    header.tgid = 0
    at = _before_blanks(text, begin, at)
    if at > begin and text[at - 1] == _RIGHT:
        at, header.tgid = _number_before(text, begin, at - 1)
        while at > begin and text[at - 1] != _LEFT:  # blanks, or dashes where it is not known
            at -= 1
        at = _before_blanks(text, begin, at - 1)
    first, header.tid = _number_before(text, begin, at)
    if first == at or first <= begin or max(header.tid, header.tgid) >= _MOST_TID:
        return False
    separator = text[first - 1]
    if separator == _SLASH:
        last = first
        first, header.tgid = _number_before(text, begin, last - 1)
        if first == last - 1 or first <= begin or header.tgid >= _MOST_TID:
            return False
        separator = text[first - 1]
    elif separator == _DASH and (first - 1 == begin or text[first - 2] == _BLANK):
        return False  # thread -1: of no process any more
    header.comm_end = first - 1
    return bool(separator in (_BLANK, _DASH))


@hot_in_place
def _before_blanks(text: Text, begin: int, at: int) -> int:
    while at > begin and text[at - 1] == _BLANK:
        at -= 1
    return at


@hot_in_place
def _number_before(text: Text, begin: int, at: int) -> tuple[int, int]:
    """Read the digits that end at `at`; returns (where they begin, the number)."""
    number, factor = 0, 1
    while at > begin and is_digit(text[at - 1]) and factor < _MOST_TID:
        number += (text[at - 1] - 48) * factor
        factor *= 10
        at -= 1
    return at, number
