"""From lines of a QEMU log to rows of RECORD, by the templates of the events met so far. Compiled.

A log holds more than trace events: messages of QEMU, what a guest prints, dumps of `-d`. A line is
taken for an event if it begins with a word of small letters, digits and at least one underscore.
"""

import numpy as np

from app.compiled import constant, hot_in_place, hot_part
from app.model.guest import NS_PER_LINE
from collector.trace.qemu._header import NO_STAMP, read_header
from collector.trace.text import (
    DONE,
    FULL,
    NEW_NAME,
    NO_PLAN,
    UNKNOWN_CPU,
    UNREADABLE,
    Row,
    Rows,
    ScanTables,
    Text,
    name_slot,
    read_event,
)

MESSAGE = constant(4)
"""How a scan may end besides: at a line that may be a message we know."""

LOG = np.dtype(
    [
        ("line", "<i8"),  # number of the line at hand, from 1 on
        ("last_ts", "<i8"),
        ("stepped_back", "<i8"),  # by how much the clock did at most, ns
        ("form", "<i8"),  # of the lines that are events: the latest that was met
        ("others", "<i8"),  # lines that are no events
        ("has_times", "<i8"),  # given: stamps are in this log
    ]
)
"""What a scan keeps besides ScanTables."""

IGNORED = constant(0)
"""A template's code: its lines are of no use."""

_NEWLINE, _RETURN, _TAB, _BLANK, _ESCAPE = 10, 13, 9, 32, 27
_SMALL_A, _SMALL_Z, _UNDERSCORE, _COLON = 97, 122, 95, 58


@hot_in_place
def scan(tables: ScanTables, text: Text, logs: Rows) -> int:
    """Read whole lines of text[at:end] until something comes to pass; see collector.trace.text.

    Who gets UNREADABLE or MESSAGE has to count the line, and to go on behind it. `logs`: [1] LOG.
    """
    places, log = tables.places[0], logs[0]
    while places.at < places.end:
        if places.rows == len(tables.rows):
            return FULL
        at = places.at
        end, is_text = end_of_line(text, at)
        places.line_end = end
        if end > at and text[end - 1] == _RETURN:
            end -= 1
        form = read_header(text, at, end, tables.header[0])
        if not is_text:
            return UNREADABLE
        status = read_line(tables, text, end, form, log)
        if status != DONE:
            return status
        log.line += 1
        places.at = places.line_end + 1
    return DONE


@hot_part
def read_line(tables: ScanTables, text: Text, end: int, form: int, log: Row) -> int:
    """DONE, or why not: the rest of a line, behind its header."""
    header = tables.header[0]
    if is_event(text, header.rest, end):
        slot = name_slot(tables, text, end)
        if tables.keys[slot] == 0:
            return NEW_NAME
        log.form = form
        if tables.plan_of[slot] != NO_PLAN:
            if not read_event(tables, text, end, tables.plan_of[slot]):
                return UNREADABLE
            take_row(tables, form, log)
        tables.counts[slot] += 1
    elif is_message(text, header.rest, end):
        take_time(header, form, log)
        return MESSAGE
    elif end > tables.places[0].at:
        log.others += 1
    return DONE


@hot_in_place
def end_of_line(text: Text, at: int) -> tuple[int, bool]:
    """Where its newline is, and whether there is nothing but text before it."""
    is_text = True
    while text[at] != _NEWLINE:
        byte = text[at]
        if byte < _BLANK and byte != _TAB and byte != _RETURN and byte != _ESCAPE:
            is_text = False
        at += 1
    return at, is_text


@hot_in_place
def is_event(text: Text, at: int, end: int) -> bool:
    if at >= end or not _SMALL_A <= text[at] <= _SMALL_Z:
        return False
    has_underscore = False
    while at < end and text[at] != _BLANK:
        byte = text[at]
        if byte == _UNDERSCORE:
            has_underscore = True
        elif not (_SMALL_A <= byte <= _SMALL_Z or 48 <= byte <= 57):
            return False
        at += 1
    return has_underscore


@hot_in_place
def is_message(text: Text, at: int, end: int) -> bool:
    """Whether a line looks like a message of QEMU: `name: ...` ."""
    while at < end and text[at] != _BLANK:
        at += 1
    return bool(at > 0 and at < end and text[at - 1] == _COLON)


@hot_part
def take_time(header: Row, form: int, log: Row) -> None:
    """Lines are in the order of what they record: where the clock steps back, it stands still."""
    if log.has_times == 0:
        log.last_ts = log.line * NS_PER_LINE
    elif form != NO_STAMP:
        log.stepped_back = max(log.stepped_back, log.last_ts - header.ts)
        log.last_ts = max(log.last_ts, header.ts)


@hot_part
def take_row(tables: ScanTables, form: int, log: Row) -> None:
    header, places = tables.header[0], tables.places[0]
    take_time(header, form, log)
    row = tables.rows[places.rows]
    if row.code != IGNORED:
        row.ts, row.tid, row.cpu = log.last_ts, header.tid, UNKNOWN_CPU
        places.rows += 1
