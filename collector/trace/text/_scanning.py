"""From lines of text to rows of RECORD, by the templates of the events met so far. Compiled."""

from app.compiled import hot_in_place, hot_part, mixed, slot_of
from collector.trace.text import _header as h, _templates as t
from collector.trace.text._header import Ints, Text

# How a scan ends.
DONE = 0
FULL = 1
NEW_NAME = 2
"""An event's name was met for the first time: state holds where it is."""
UNREADABLE = 3

# Places in a scan's state: all are offsets in the text, but for ROWS.
AT, END, ROWS, NAME, NAME_END, PAYLOAD, LINE_END, KEY = range(8)
STATE_SIZE = 8

# Columns of what is known of a row's thread besides its number.
TGID, COMM, COMM_END = range(3)
WHO_WIDTH = 3

NAME_SLOTS = 1 << 12  # a power of two
ROW_WORDS = 10
FIRST_VALUE = 2

_NEWLINE, _RETURN, _TAB, _HASH, _BLANK, _COLON, _MINUS, _ZERO = 10, 13, 9, 35, 32, 58, 45, 48
_LOW_X = 120
_NAME_KEY = 0xCBF29CE484222325 - (1 << 64)  # FNV-1a, 64 bits
_KEY_FACTOR = 0x100000001B3
_FIRST_PRINTABLE = 33
_LEFT = 40


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
    who: Ints,
) -> int:
    """Read whole lines of text[state[AT]:state[END]] until one of the above comes to pass.

    keys, plan_of, counts: int64[NAME_SLOTS], a hash table of events by name.
    Empty lines, comments and the lines of call chains, which begin with a tab, are passed over.
    """
    while state[AT] < state[END]:
        if state[ROWS] == len(rows):
            return FULL
        at = state[AT]
        newline = at
        while text[newline] != _NEWLINE:
            newline += 1
        state[LINE_END] = newline
        end = newline
        if end > at and text[end - 1] == _RETURN:
            end -= 1
        if end > at and text[at] != _HASH and text[at] != _TAB:
            if not h.read_header(text, at, end, found):
                return UNREADABLE
            slot = name_slot(text, end, found, state, keys)
            if keys[slot] == 0:
                return NEW_NAME
            if plan_of[slot] != t.NO_PLAN:
                plan = plan_of[slot]
                if not read_event(text, end, state, plan, plans, instructions, stores, rows):
                    return UNREADABLE
                complete_row(state, found, at, rows, who)
            counts[slot] += 1
        state[AT] = newline + 1
    return DONE


@hot_in_place
def name_slot(text: Text, end: int, found: Ints, state: Ints, keys: Ints) -> int:
    """The slot of the event's name, an empty one if it is new.

    The byte that ends a name is part of it: `sys_ioctl(` is an entry, `sys_ioctl ` a return.
    """
    at = found[h.REST]
    state[NAME] = at
    key = _NAME_KEY
    while at < end and is_of_name(text, at, end):
        key = (key ^ text[at]) * _KEY_FACTOR
        at += 1
    state[NAME_END] = at
    if at < end:
        key = (key ^ text[at]) * _KEY_FACTOR
        at += text[at] == _COLON
    state[PAYLOAD] = h.after_blanks(text, at, end)
    if key == 0:
        key = 1
    state[KEY] = key
    return slot_of_key(keys, key)


@hot_in_place
def slot_of_key(keys: Ints, key: int) -> int:
    return int(slot_of(is_place, keys, NAME_SLOTS, mixed(key), key))


@hot_part
def is_place(keys: Ints, slot: int, key: int) -> bool:
    return bool(keys[slot] == 0 or keys[slot] == key)


@hot_in_place
def is_of_name(text: Text, at: int, end: int) -> bool:
    """perf names system and event, with a colon between them."""
    byte = text[at]
    if byte == _COLON:
        return bool(at + 1 < end and text[at + 1] >= _FIRST_PRINTABLE)
    return bool(byte >= _FIRST_PRINTABLE and byte != _LEFT)


@hot_in_place
def read_event(
    text: Text,
    end: int,
    state: Ints,
    plan: int,
    plans: Ints,
    instructions: Text,
    stores: Ints,
    rows: Ints,
) -> bool:
    """Whether a template of the plan fits; the values are in the next row then."""
    n = state[ROWS]
    while plan != t.NO_PLAN:
        for word in range(ROW_WORDS):
            rows[n, word] = 0
        if fits(text, end, state, plan, plans, instructions, stores, rows):
            for at in range(plans[plan, t.FIRST_CONSTANT], plans[plan, t.END_STORE]):
                put(rows, n, stores, at, 1)
            rows[n, 1] = (plans[plan, t.CODE] << 48) | (plans[plan, t.FLAGS] << 56)
            return True
        plan = plans[plan, t.ALTERNATIVE]
    return False


@hot_in_place
def fits(
    text: Text,
    end: int,
    state: Ints,
    plan: int,
    plans: Ints,
    instructions: Text,
    stores: Ints,
    rows: Ints,
) -> bool:
    """Follow a template's instructions through the line from its payload on."""
    at, n = state[PAYLOAD], state[ROWS]
    store = plans[plan, t.FIRST_STORE]
    step, last = plans[plan, t.FIRST_BYTE], plans[plan, t.END_BYTE]
    while step < last:
        instruction = instructions[step]
        step += 1
        if instruction <= t.INT:
            begin, is_hex = at, instruction != t.NUMBER
            at = after_number(text, at, end, is_hex)
            if at == begin:
                return False
            number = number_in(text, begin, at, is_hex)
            if instruction == t.INT:
                number = (number << 32) >> 32
            put(rows, n, stores, store, number)
            store += 1
        elif instruction == t.ANYTHING:
            at = found_next(text, at, end, instructions, step, last)
        elif instruction == _BLANK:
            if at >= end or text[at] != _BLANK:
                return False
            at = h.after_blanks(text, at, end)
        elif at < end and text[at] == instruction:
            at += 1
        else:
            return False
    return bool(at == end or not is_word(text[at]))


@hot_in_place
def found_next(text: Text, at: int, end: int, instructions: Text, step: int, last: int) -> int:
    """Where the characters that follow in the pattern occur for the first time, else the end."""
    while at < end:
        length = 0
        while step + length < last and instructions[step + length] > t.ANYTHING:
            if at + length >= end or text[at + length] != instructions[step + length]:
                break
            length += 1
        if step + length == last or instructions[step + length] <= t.ANYTHING:
            return at
        at += 1
    return end


@hot_in_place
def put(rows: Ints, n: int, stores: Ints, at: int, number: int) -> None:
    number *= stores[at, t.FACTOR]
    shift = stores[at, t.SHIFT]
    moved = number << shift if shift >= 0 else number >> -shift
    rows[n, FIRST_VALUE + stores[at, t.INDEX]] += moved


@hot_in_place
def is_word(byte: int) -> bool:
    return bool(48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122 or byte == 95)


@hot_in_place
def digit_value(byte: int) -> int:
    """Of a hexadecimal digit; 99 if it is none."""
    if 48 <= byte <= 57:
        return byte - 48
    if 97 <= byte <= 102:
        return byte - 87
    if 65 <= byte <= 70:
        return byte - 55
    return 99


@hot_in_place
def is_prefixed(text: Text, at: int, end: int) -> bool:
    return bool(at + 2 < end and text[at] == _ZERO and text[at + 1] == _LOW_X)


@hot_in_place
def after_number(text: Text, at: int, end: int, is_hex: bool) -> int:
    """Where the number ends that begins at `at`: there, if it is none or too long a one."""
    begin = at
    if not is_hex and at < end and text[at] == _MINUS:
        at += 1
    base = 16 if is_hex else 10
    if is_prefixed(text, at, end):
        base = 16
        at += 2
    first = at
    while at < end and digit_value(text[at]) < base:
        at += 1
    most = 20 if base == 10 else 16
    return begin if at == first or at - first > most else at


@hot_in_place
def number_in(text: Text, at: int, end: int, is_hex: bool) -> int:
    """The number text[at:end], as 64 bits."""
    is_negative = text[at] == _MINUS
    at += is_negative
    base = 16 if is_hex else 10
    if is_prefixed(text, at, end):
        base = 16
        at += 2
    number = 0
    while at < end:
        number = number * base + digit_value(text[at])
        at += 1
    return -number if is_negative else number


@hot_in_place
def complete_row(state: Ints, found: Ints, line: int, rows: Ints, who: Ints) -> None:
    n = state[ROWS]
    rows[n, 0] = found[h.TS]
    rows[n, 1] |= found[h.TID] | (found[h.CPU] << 32)
    who[n, TGID] = found[h.TGID]
    who[n, COMM], who[n, COMM_END] = line, found[h.COMM_END]
    state[ROWS] = n + 1
