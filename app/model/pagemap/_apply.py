"""Compiled loops that take a page map through many events, or through recorded changes."""

from typing import Any

import numpy as np
import numpy.typing as npt

from app.compiled import hot_in_place, hot_part, signed
from app.model.events import ChangeArray, EventArray, last_effect_time
from app.model.guest import GFN_LIMIT, Certainty, EventKind, Outcome, PageState
from app.model.pagemap._change_rows import Transition, write_row
from app.model.pagemap._map_arrays import Action, MapArrays, Site, has_room
from app.model.pagemap._operate import FAR, NOWHERE, operate
from app.model.pagemap._paint import paint
from app.model.pagemap._rules import CODES, Operation, Place
from app.model.pagemap._tree import (
    ANY_DIRTY,
    DEFAULT,
    FLIPPED,
    GAP_END,
    GAPS,
    GROUP_SHIFT,
    GROUPS,
    LEAF_SHIFT,
    LEAVES,
    MIXED,
    ROWS,
    TOTALS,
    Meta,
)

CURSOR = np.dtype([("index", "<i8"), ("position", "<i8"), ("is_revealed", "?")])
"""With which these loops stop and go on: the row they are at, the gfn that they have come to in its
range (0: none yet), and whether the pages that nothing showed before have appeared."""

Cursor = npt.NDArray[np.void]
"""[1] CURSOR."""

Row = Any
"""One row of an array in compiled code, whose fields are attributes."""

NO_EVENT = -1


def new_cursor() -> Cursor:
    return np.zeros(1, CURSOR)


@hot_part
def effect(events: EventArray, index: int) -> int:
    """`events.effect_time` of one event."""
    event = events[index]
    if event.outcome == Outcome.UNCONFIRMED or event.latency_ns < 0:
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


@hot_part
def pass_gap(meta: Meta, kind: int, t: int) -> None:
    """A loss begins or ends. Several may be under way, one for each CPU."""
    if kind == EventKind.LOSS_BEGIN:
        meta[GAPS] += 1
    elif kind == EventKind.LOSS_END:
        meta[GAPS] = max(meta[GAPS] - 1, 0)
        meta[GAP_END] = t


@hot_part
def may_be_undone(meta: Meta, entered: int) -> bool:
    """Whether a lost call may have come after one that was entered then: the order of what happened
    within a gap is not known, and a call takes effect at some time between entry and return."""
    return bool(meta[GAPS] > 0 or entered < meta[GAP_END])


@hot_in_place
def forget_dirty(arrays: MapArrays, forgetting: Action) -> bool:
    """Forget the nodes touched since this was done last. False if there was no room."""
    nodes, dirty = arrays.tree.nodes, arrays.tree.dirty
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
            if operate(arrays, forgetting, first, end) < end:
                return False
            dirty[node] = 0
        dirty[group] = 0
    return True


@hot_in_place
def forget(arrays: MapArrays, t: int, event: int) -> bool:
    """Make unknown all that events may have changed unseen. False if there was no room."""
    meta, forgetting = arrays.tree.meta, Action(signed(Operation.FORGET), t, event)
    if meta[ANY_DIRTY] != 0:
        if not forget_dirty(arrays, forgetting):
            return False
        meta[ANY_DIRTY] = 0
    if meta[DEFAULT] != PageState.UNKNOWN:
        if not has_room(arrays):
            return False
        transition = Transition(meta[DEFAULT], signed(PageState.UNKNOWN), False)
        write_row(arrays.rows[meta[ROWS]], forgetting, 0, 0, transition)
        meta[ROWS] += 1
        meta[DEFAULT] = PageState.UNKNOWN
    return True


@hot_part
def operation_of(meta: Meta, event: Row) -> int:
    """What an event does to its pages."""
    operation = signed(Operation.SET_SHARED)
    if event.outcome == Outcome.UNCONFIRMED:
        operation = signed(Operation.DOUBT_SHARED)
    elif may_be_undone(meta, event.t):
        operation = signed(Operation.LOSE_SHARED)
    return int(operation + min(event.to, signed(PageState.UNKNOWN)))


@hot_part
def convert(
    arrays: MapArrays, action: Action, first: int, end: int, shows_touched: bool, cursors: Cursor
) -> bool:
    """Do a conversion to a range from the cursor's gfn on. False if there was no room."""
    cursor = cursors[0]
    position = max(first, cursor.position)
    if shows_touched and not cursor.is_revealed:
        reveal = Action(signed(Operation.REVEAL), action.t, action.event)
        position = operate(arrays, reveal, position, end)
        if position < end:
            cursor.position = position
            return False
        cursor.is_revealed = True
        position = first
    cursor.position = operate(arrays, action, position, end)
    return bool(cursor.position >= end)


@hot_part
def name_no_event(rows: ChangeArray, count: int, event: int) -> None:
    """Take the event out of the rows that it wrote last."""
    at = count - 1
    while at >= 0 and rows[at].event == event:
        rows[at].event = NO_EVENT
        at -= 1


@hot_in_place
def apply_events(
    arrays: MapArrays, events: EventArray, first_seq: int, shows_touched: bool, cursors: Cursor
) -> bool:
    """Take the map through the events from the cursor on. False if there was no room.

    `shows_touched`: no memslot is known, so pages appear when a conversion names them. What a
    reading of the state found was changed by something else, at a time that nobody knows: its rows
    name no event.
    """
    cursor, meta = cursors[0], arrays.tree.meta
    for index in range(cursor.index, events.size):
        cursor.index = index
        event = events[index]
        t, seq = effect(events, index), first_seq + index
        is_done = True
        is_reading = event.kind == EventKind.STATE_READ
        is_conversion = (
            event.kind == EventKind.CONVERSION or event.kind == EventKind.DOUBT
        ) and event.outcome != Outcome.FAILED
        is_blind = is_conversion and event.range_certainty == Certainty.UNKNOWN
        is_loss = event.kind == EventKind.LOSS_BEGIN or event.kind == EventKind.LOSS_END
        if is_blind or is_loss:
            is_done = forget(arrays, t, seq)
            if is_done and is_loss:
                pass_gap(meta, event.kind, t)
        elif (is_conversion or is_reading) and event.gfn < np.uint64(GFN_LIMIT):
            first = signed(event.gfn)
            end = first + signed(min(event.npages, np.uint64(GFN_LIMIT - first)))
            action = Action(operation_of(meta, event), t, seq)
            is_done = convert(arrays, action, first, end, shows_touched, cursors)
        if not is_done:
            return False
        if is_reading:
            name_no_event(arrays.rows, meta[ROWS], seq)
        event.effective_pages = meta[FLIPPED]
        meta[FLIPPED] = 0
        cursor.position, cursor.is_revealed = 0, False
    return True


@hot_in_place
def replay_changes(arrays: MapArrays, changes: ChangeArray, cursors: Cursor) -> bool:
    """Put back recorded changes from the cursor on. Writes no rows. False if there was no room."""
    cursor, meta = cursors[0], arrays.tree.meta
    site = Site(signed(Place.CAN_BE_PRIVATE), NOWHERE, FAR)
    for index in range(cursor.index, changes.size):
        cursor.index = index
        change = changes[index]
        first, npages = signed(change.gfn), signed(change.npages)
        if npages == 0:
            meta[DEFAULT] = change.after
        elif change.after != PageState.NO_MEMSLOT:
            end = first + npages
            recall = Action(signed(Operation.RECALL_SHARED) + signed(change.after), 0, 0)
            cursor.position = paint(arrays, recall, site, max(first, cursor.position), end)
            if cursor.position < end:
                return False
            cursor.position = 0
        if change.in_memslot:
            meta[TOTALS + change.before] -= npages
            meta[TOTALS + change.after] += npages
        meta[MIXED] += change.mixed_delta
    return True
