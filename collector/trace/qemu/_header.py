"""When and who: what a line of a QEMU log begins with. Compiled.

    name ...                                    by default: nothing
    tid@seconds.microseconds:name ...           -msg timestamp=on, QEMU up to 10
    2026-11-22T16:51:08.692423Z name ...        -msg timestamp=on, QEMU 11

Both times are those of the wall clock.
"""

import numpy as np

from app.compiled import hot_in_place
from collector.trace.text import Row, Text, after_blanks, is_digit

NO_STAMP, STAMP, DATED = 0, 1, 2
"""The forms of a line."""

_AT, _POINT, _COLON, _DASH, _TIME, _ZULU = 64, 46, 58, 45, 84, 90
_MOST_TID = 1 << 31
_MOST_SECONDS = 9_000_000_000
_NS = 1_000_000_000
_DATE_LENGTH = 19  # 2026-11-22T16:51:08
_DAYS_TO_1970 = 719_468
_DAYS_IN_ERA = 146_097


@hot_in_place
def read_header(text: Text, at: int, end: int, header: Row) -> int:
    """The form of the line text[at:end]; what it holds is in `header`."""
    header.ts, header.tid, header.rest = 0, 0, at
    if at < end and is_digit(text[at]):
        if _read_stamp(text, at, end, header):
            return STAMP
        if _read_date(text, at, end, header):
            return DATED
        header.ts, header.tid, header.rest = 0, 0, at
    return NO_STAMP


@hot_in_place
def _read_stamp(text: Text, at: int, end: int, header: Row) -> bool:
    tid, i = 0, at
    while i < end and is_digit(text[i]) and tid < _MOST_TID:
        tid = tid * 10 + text[i] - 48
        i += 1
    if i >= end or text[i] != _AT or tid >= _MOST_TID:
        return False
    i += 1
    seconds, first = 0, i
    while i < end and is_digit(text[i]) and seconds < _MOST_SECONDS:
        seconds = seconds * 10 + text[i] - 48
        i += 1
    if i == first or i >= end or text[i] != _POINT or seconds >= _MOST_SECONDS:
        return False
    header.ts = seconds * _NS
    i = _read_fraction(text, i, end, header)
    if i >= end or text[i] != _COLON:
        return False
    header.tid, header.rest = tid, i + 1
    return True


@hot_in_place
def _read_date(text: Text, at: int, end: int, header: Row) -> bool:
    after = at + _DATE_LENGTH
    if after >= end or text[at + 10] != _TIME:
        return False
    for i in range(_DATE_LENGTH):
        byte = text[at + i]
        if i == 4 or i == 7:
            if byte != _DASH:
                return False
        elif i == 13 or i == 16:
            if byte != _COLON:
                return False
        elif i != 10 and not is_digit(byte):
            return False
    days = days_since_1970(
        two(text, at) * 100 + two(text, at + 2), two(text, at + 5), two(text, at + 8)
    )
    seconds = two(text, at + 11) * 3600 + two(text, at + 14) * 60 + two(text, at + 17)
    header.ts = (days * 86_400 + seconds) * _NS
    if header.ts < 0:
        return False
    i = _read_fraction(text, after, end, header) if text[after] == _POINT else after
    if i >= end or text[i] != _ZULU:
        return False
    header.rest = after_blanks(text, i + 1, end)
    return True


@hot_in_place
def _read_fraction(text: Text, at: int, end: int, header: Row) -> int:
    """Add the digits behind the point at `at`, nine at most; returns where they end."""
    i, unit = at + 1, _NS // 10
    while i < end and is_digit(text[i]) and unit > 0:
        header.ts += (text[i] - 48) * unit
        unit //= 10
        i += 1
    return i


@hot_in_place
def two(text: Text, at: int) -> int:
    """Two digits as a number."""
    return np.int64(text[at] - 48) * 10 + text[at + 1] - 48  # type: ignore[no-any-return]


@hot_in_place
def days_since_1970(year: int, month: int, day: int) -> int:
    """Of a Gregorian date: years begin in March here, so that leap days come last."""
    if month <= 2:
        year -= 1
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * _DAYS_IN_ERA + of_era * 365 + of_era // 4 - of_era // 100 + of_year - _DAYS_TO_1970
