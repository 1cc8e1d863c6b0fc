"""From lines of text to rows of RECORD, by the templates of the events met so far. Compiled."""

import numpy as np

from app.compiled import hot_in_place, hot_part, mixed, slot_of
from collector.trace.text._header import after_blanks, read_header
from collector.trace.text._tables import NAME_SLOTS, NO_PLAN, Ints, Row, Rows, ScanTables, Text
from collector.trace.text._templates import ANYTHING, INT, NUMBER

# How a scan ends.
DONE = 0
FULL = 1
NEW_NAME = 2
"""An event's name was met for the first time: PLACES has where it is."""
UNREADABLE = 3

WHO = np.dtype([("tgid", "<i8"), ("comm", "<i8"), ("comm_end", "<i8")])
"""What is known of a row's thread besides its number: its process, where its name is."""

_NEWLINE, _RETURN, _TAB, _HASH, _BLANK, _COLON, _MINUS, _ZERO = 10, 13, 9, 35, 32, 58, 45, 48
_LOW_X = 120
_NAME_KEY = 0xCBF29CE484222325 - (1 << 64)  # FNV-1a, 64 bits
_KEY_FACTOR = 0x100000001B3
_FIRST_PRINTABLE = 33
_LEFT = 40


@hot_in_place
def scan(tables: ScanTables, text: Text, who: Rows) -> int:
    """Read whole lines of text[at:end] until one of the above comes to pass.

    Empty lines, comments and the lines of call chains, which begin with a tab, are passed over.
    `who`: WHO, of each row.
    """
    places, header = tables.places[0], tables.header[0]
    while places.at < places.end:
        if places.rows == len(tables.rows):
            return FULL
        at = places.at
        newline = at
        while text[newline] != _NEWLINE:
            newline += 1
        places.line_end = newline
        end = newline
        if end > at and text[end - 1] == _RETURN:
            end -= 1
        if end > at and text[at] != _HASH and text[at] != _TAB:
            if not read_header(text, at, end, header):
                return UNREADABLE
            slot = name_slot(tables, text, end)
            if tables.keys[slot] == 0:
                return NEW_NAME
            if tables.plan_of[slot] != NO_PLAN:
                if not read_event(tables, text, end, tables.plan_of[slot]):
                    return UNREADABLE
                complete_row(tables, who, at)
            tables.counts[slot] += 1
        places.at = newline + 1
    return DONE


@hot_part
def name_slot(tables: ScanTables, text: Text, end: int) -> int:
    """The slot of the event's name, an empty one if it is new.

    The byte that ends a name is part of it: `sys_ioctl(` is an entry, `sys_ioctl ` a return.
    """
    places = tables.places[0]
    at = tables.header[0].rest
    places.name = at
    key = _NAME_KEY
    while at < end and is_of_name(text, at, end):
        key = (key ^ text[at]) * _KEY_FACTOR
        at += 1
    places.name_end = at
    if at < end:
        key = (key ^ text[at]) * _KEY_FACTOR
        at += text[at] == _COLON
    places.payload = after_blanks(text, at, end)
    if key == 0:
        key = 1
    places.key = key
    return slot_of_key(tables.keys, key)


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
def read_event(tables: ScanTables, text: Text, end: int, plan: int) -> bool:
    """Whether a template of the plan fits; code and values are in the next row then."""
    row = tables.rows[tables.places[0].rows]
    while plan != NO_PLAN:
        template = tables.plans[plan]
        for k in range(8):
            row.v[k] = 0
        if fits(tables, text, end, template):
            for at in range(template.first_constant, template.end_store):
                put(row, tables.stores[at], 1)
            row.code, row.flags = template.code, template.flags
            return True
        plan = template.alternative
    return False


@hot_part
def fits(tables: ScanTables, text: Text, end: int, template: Row) -> bool:
    """Follow a template's instructions through the line from its payload on."""
    at, row = tables.places[0].payload, tables.rows[tables.places[0].rows]
    instructions, store = tables.instructions, template.first_store
    step, last = template.first_byte, template.end_byte
    while step < last:
        instruction = instructions[step]
        step += 1
        if instruction <= INT:
            begin, is_hex = at, instruction != NUMBER
            at = after_number(text, at, end, is_hex)
            if at == begin:
                return False
            number = number_in(text, begin, at, is_hex)
            if instruction == INT:
                number = (number << 32) >> 32
            put(row, tables.stores[store], number)
            store += 1
        elif instruction == ANYTHING:
            at = found_next(text, at, end, instructions, step, last)
        elif instruction == _BLANK:
            if at >= end or text[at] != _BLANK:
                return False
            at = after_blanks(text, at, end)
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
        while step + length < last and instructions[step + length] > ANYTHING:
            if at + length >= end or text[at + length] != instructions[step + length]:
                break
            length += 1
        if step + length == last or instructions[step + length] <= ANYTHING:
            return at
        at += 1
    return end


@hot_part
def put(row: Row, store: Row, number: int) -> None:
    number *= store.factor
    shift = store.shift
    row.v[store.index] += number << shift if shift >= 0 else number >> -shift


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


@hot_part
def complete_row(tables: ScanTables, who: Rows, line: int) -> None:
    header, n = tables.header[0], tables.places[0].rows
    row, thread = tables.rows[n], who[n]
    row.ts, row.tid, row.cpu = header.ts, header.tid, header.cpu
    thread.tgid, thread.comm, thread.comm_end = header.tgid, line, header.comm_end
    tables.places[0].rows = n + 1
