"""Compiled loops that take a page map through many events, or through recorded changes."""

import numpy as np
import numpy.typing as npt

from app.compiled import constant, hot_in_place, hot_part, signed
from app.model.events import ChangeArray, EventArray, last_effect_time
from app.model.guest import GFN_LIMIT, Certainty, EventKind, Outcome, PageState
from app.model.pagemap._change_rows import write_row
from app.model.pagemap._drive import drive
from app.model.pagemap._gaps import LOSS_BEGIN, LOSS_END, may_be_undone, pass_gap
from app.model.pagemap._paint import FAR, NOWHERE, has_room, paint
from app.model.pagemap._rules import CODES, Operation, Place
from app.model.pagemap._slot_cover import CoverArray
from app.model.pagemap._tree import (
    ANY_DIRTY,
    DEFAULT,
    FLIPPED,
    GROUP_SHIFT,
    GROUPS,
    LEAF_SHIFT,
    LEAVES,
    MIXED,
    ROWS,
    TOTALS,
    Bitmaps,
    Dirty,
    Meta,
    Nodes,
)

INDEX, IS_REVEALED, POSITION = range(3)
"""Indices into the cursor with which these loops stop and go on: the row they are at, whether the
pages of that event that nothing showed before have appeared, and the gfn they are at (-1: none
yet)."""

CONVERSION = int(EventKind.CONVERSION)
STATE_READ = int(EventKind.STATE_READ)
DOUBTED = int(EventKind.DOUBT)
FAILED = int(Outcome.FAILED)
UNCONFIRMED = int(Outcome.UNCONFIRMED)
RANGE_UNKNOWN = int(Certainty.UNKNOWN)
UNKNOWN = constant(PageState.UNKNOWN)
NO_MEMSLOT = int(PageState.NO_MEMSLOT)
SET = int(Operation.SET_SHARED)
DOUBT = int(Operation.DOUBT_SHARED)
LOSE = int(Operation.LOSE_SHARED)
FORGET = constant(Operation.FORGET)
REVEAL = constant(Operation.REVEAL)
RECALL = constant(Operation.RECALL_SHARED)
ZERO = constant(0)
NO_EVENT = constant(-1)
IN_MEMSLOT = constant(Place.CAN_BE_PRIVATE)


def new_cursor() -> npt.NDArray[np.int64]:
    return np.array([0, 0, -1], np.int64)


@hot_part
def effect(events: EventArray, index: int) -> int:
    """`events.effect_time` of one event."""
    event = events[index]
    if event.outcome == UNCONFIRMED or event.latency_ns < 0:
        return int(event.t)
    return int(event.t + event.latency_ns)


def disorder(events: EventArray, last_t: int) -> int:
    """Index of the first event that takes effect before the one before it, -1 if none does.

    Rare events come one at a time: that costs less than to call compiled code.
    """
    if len(events) == 1:
        return 0 if last_effect_time(events) < last_t else -1
    return first_disorder(events, last_t)


@hot_in_place
def first_disorder(events: EventArray, last_t: int) -> int:
    for index in range(events.size):
        t = effect(events, index)
        if t < last_t:
            return index
        last_t = t
    return -1


@hot_in_place
def forget_dirty(
    nodes: Nodes,
    dirty: Dirty,
    bitmaps: Bitmaps,
    meta: Meta,
    rows: ChangeArray,
    cover: CoverArray,
    t: int,
    event: int,
) -> bool:
    """Forget the nodes touched since this was done last. False if there was no room."""
    for group in range(GROUPS):
        if dirty[group] == 0:
            continue
        is_split = nodes[group] >= CODES
        shift = LEAF_SHIFT if is_split else GROUP_SHIFT
        base = GROUPS + (nodes[group] - CODES) * LEAVES if is_split else group
        for node in range(base, base + (LEAVES if is_split else 1)):
            if dirty[node] == 0:
                continue
            first = (group << GROUP_SHIFT) + ((node - base) << shift)
            end = first + (1 << shift)
            reached = drive(nodes, dirty, bitmaps, meta, rows, cover, FORGET, t, event, first, end)
            if reached < end:
                return False
            dirty[node] = 0
        dirty[group] = 0
    return True


@hot_in_place
def forget(
    nodes: Nodes,
    dirty: Dirty,
    bitmaps: Bitmaps,
    meta: Meta,
    rows: ChangeArray,
    cover: CoverArray,
    t: int,
    event: int,
) -> bool:
    """Make unknown all that events may have changed unseen. False if there was no room."""
    if meta[ANY_DIRTY] != 0:
        if not forget_dirty(nodes, dirty, bitmaps, meta, rows, cover, t, event):
            return False
        meta[ANY_DIRTY] = 0
    if meta[DEFAULT] != UNKNOWN:
        if not has_room(nodes, meta, rows):
            return False
        write_row(rows, meta[ROWS], t, event, ZERO, ZERO, meta[DEFAULT], UNKNOWN, ZERO)
        meta[ROWS] += 1
        meta[DEFAULT] = UNKNOWN
    return True


@hot_part
def convert(
    nodes: Nodes,
    dirty: Dirty,
    bitmaps: Bitmaps,
    meta: Meta,
    rows: ChangeArray,
    cover: CoverArray,
    operation: int,
    t: int,
    event: int,
    first: int,
    end: int,
    shows_touched: bool,
    cursor: npt.NDArray[np.int64],
) -> bool:
    """Do a conversion to a range from the cursor's gfn on. False if there was no room."""
    position = max(first, cursor[POSITION])
    if shows_touched and cursor[IS_REVEALED] == 0:
        position = drive(nodes, dirty, bitmaps, meta, rows, cover, REVEAL, t, event, position, end)
        if position < end:
            cursor[POSITION] = position
            return False
        cursor[IS_REVEALED] = 1
        position = first
    position = drive(nodes, dirty, bitmaps, meta, rows, cover, operation, t, event, position, end)
    cursor[POSITION] = position
    return position >= end


@hot_part
def name_no_event(rows: ChangeArray, count: int, event: int) -> None:
    """Take the event out of the rows that it wrote last."""
    at = count - 1
    while at >= 0 and rows[at].event == event:
        rows[at].event = NO_EVENT
        at -= 1


@hot_in_place
def apply_events(
    nodes: Nodes,
    dirty: Dirty,
    bitmaps: Bitmaps,
    meta: Meta,
    rows: ChangeArray,
    cover: CoverArray,
    events: EventArray,
    first_seq: int,
    shows_touched: bool,
    cursor: npt.NDArray[np.int64],
) -> None:
    """Take the map through the events from the cursor on, as far as there is room.

    `shows_touched`: no memslot is known, so pages appear when a conversion names them. What a
    reading of the state found was changed by something else, at a time that nobody knows: its rows
    name no event.
    """
    for index in range(cursor[INDEX], events.size):
        cursor[INDEX] = index
        event = events[index]
        t, seq = effect(events, index), first_seq + index
        is_done = True
        is_reading = event.kind == STATE_READ
        is_conversion = (
            event.kind == CONVERSION or event.kind == DOUBTED
        ) and event.outcome != FAILED
        is_blind = is_conversion and event.range_certainty == RANGE_UNKNOWN
        is_loss = event.kind == LOSS_BEGIN or event.kind == LOSS_END
        if is_blind or is_loss:
            is_done = forget(nodes, dirty, bitmaps, meta, rows, cover, t, seq)
            if is_done and is_loss:
                pass_gap(meta, signed(event.kind), t)
        elif (is_conversion or is_reading) and event.gfn < np.uint64(GFN_LIMIT):
            first = signed(event.gfn)
            end = first + signed(min(event.npages, np.uint64(GFN_LIMIT - first)))
            operation = SET
            if event.outcome == UNCONFIRMED:
                operation = DOUBT
            elif may_be_undone(meta, event.t):
                operation = LOSE
            operation += min(event.to, UNKNOWN)
            is_done = convert(
                nodes,
                dirty,
                bitmaps,
                meta,
                rows,
                cover,
                operation,
                t,
                seq,
                first,
                end,
                shows_touched,
                cursor,
            )
        if not is_done:
            return
        if is_reading:
            name_no_event(rows, meta[ROWS], seq)
        event.effective_pages = meta[FLIPPED]
        meta[FLIPPED] = 0
        cursor[POSITION], cursor[IS_REVEALED] = -1, 0
    cursor[INDEX] = events.size


@hot_in_place
def replay_changes(
    nodes: Nodes,
    dirty: Dirty,
    bitmaps: Bitmaps,
    meta: Meta,
    rows: ChangeArray,
    changes: ChangeArray,
    cursor: npt.NDArray[np.int64],
) -> None:
    """Put back recorded changes from the cursor on, as far as there is room. Writes no rows."""
    for index in range(cursor[INDEX], changes.size):
        cursor[INDEX] = index
        change = changes[index]
        first, npages = signed(change.gfn), signed(change.npages)
        if npages == 0:
            meta[DEFAULT] = change.after
        elif change.after != NO_MEMSLOT:
            end = first + npages
            position = max(first, cursor[POSITION])
            operation = RECALL + signed(change.after)
            position = paint(
                nodes,
                dirty,
                bitmaps,
                meta,
                rows,
                operation,
                IN_MEMSLOT,
                ZERO,
                ZERO,
                position,
                end,
                NOWHERE,
                FAR,
            )
            cursor[POSITION] = position
            if position < end:
                return
            cursor[POSITION] = -1
        if change.in_memslot:
            meta[TOTALS + change.before] -= npages
            meta[TOTALS + change.after] += npages
        meta[MIXED] += change.mixed_delta
    cursor[INDEX] = changes.size
