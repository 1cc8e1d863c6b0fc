"""From lines of a QEMU log to rows of RECORD, by the templates of the events met so far. Compiled.

A log holds more than trace events: messages of QEMU, what a guest prints, dumps of `-d`. A line is
taken for an event if it begins with a word of small letters, digits and at least one underscore.
"""

from app.compiled import constant, hot_in_place
from app.model.guest import NS_PER_LINE
from collector.trace.qemu import _header as h
from collector.trace.text import (
    AT,
    DONE,
    END,
    FULL,
    KEY,
    LINE_END,
    NEW_NAME,
    ROWS,
    UNREADABLE,
    Ints,
    Text,
    name_slot,
    read_event,
    templates as t,
)

MESSAGE = constant(4)
"""How a scan may end besides: at a line that may be a message we know; state holds where it is."""

# Places in a scan's state besides those of scanning.
LINE = KEY + 1  # number of the line at hand, from 1 on
LAST_TS = KEY + 2
STEPPED_BACK = KEY + 3  # by how much the clock did at most, ns
FORM = KEY + 4  # of the lines that are events: the latest that was met
OTHERS = KEY + 5  # lines that are no events
HAS_TIMES = KEY + 6  # given: stamps are in this log
STATE_SIZE = KEY + 7

IGNORED = constant(0)
"""A template's code: its lines are of no use."""

_NEWLINE, _RETURN, _TAB, _BLANK, _ESCAPE = 10, 13, 9, 32, 27
_SMALL_A, _SMALL_Z, _UNDERSCORE, _COLON = 97, 122, 95, 58
_UNKNOWN_CPU = 0xFFFF


@hot_in_place
def scan(
    text: Text,
    state: Ints,
    found: Ints,
    keys: Ints,
    plan_of: Ints,
    counts: Ints,
    plans: Ints,
    instructions: Text,
    stores: Ints,
    rows: Ints,
) -> int:
    """Read whole lines of text[state[AT]:state[END]] until something comes to pass; see scanning.

    Who gets UNREADABLE or MESSAGE has to count the line, and to go on behind it.
    """
    while state[AT] < state[END]:
        if state[ROWS] == len(rows):
            return FULL
        at = state[AT]
        end, is_text = end_of_line(text, at)
        state[LINE_END] = end
        if end > at and text[end - 1] == _RETURN:
            end -= 1
        form = h.read_header(text, at, end, found)
        if not is_text:
            return UNREADABLE
        if is_event(text, found[h.REST], end):
            slot = name_slot(text, end, found, state, keys)
            if keys[slot] == 0:
                return NEW_NAME
            state[FORM] = form
            if plan_of[slot] != t.NO_PLAN:
                plan = plan_of[slot]
                if not read_event(text, end, state, plan, plans, instructions, stores, rows):
                    return UNREADABLE
                take_row(state, found, form, rows)
            counts[slot] += 1
        elif is_message(text, found[h.REST], end):
            take_time(state, found, form)
            return MESSAGE
        elif end > at:
            state[OTHERS] += 1
        state[LINE] += 1
        state[AT] = state[LINE_END] + 1
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


@hot_in_place
def take_time(state: Ints, found: Ints, form: int) -> None:
    """Lines are in the order of what they record: where the clock steps back, it stands still."""
    if state[HAS_TIMES] == 0:
        state[LAST_TS] = state[LINE] * NS_PER_LINE
    elif form != h.NO_STAMP:
        state[STEPPED_BACK] = max(state[STEPPED_BACK], state[LAST_TS] - found[h.TS])
        state[LAST_TS] = max(state[LAST_TS], found[h.TS])


@hot_in_place
def take_row(state: Ints, found: Ints, form: int, rows: Ints) -> None:
    take_time(state, found, form)
    n = state[ROWS]
    if (rows[n, 1] >> 48) & 0xFF == IGNORED:
        return
    rows[n, 0] = state[LAST_TS]
    rows[n, 1] |= found[h.TID] | _UNKNOWN_CPU << 32
    state[ROWS] = n + 1
