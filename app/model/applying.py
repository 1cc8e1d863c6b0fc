"""Compiled loops that take a page map through many events, or through recorded changes."""

import numpy as np
import numpy.typing as npt

from app.model.events import (
    GFN_LIMIT,
    Certainty,
    ChangeArray,
    EventArray,
    EventKind,
    Outcome,
    PageState,
)
from app.model.jit import hot
from app.model.pagetree import (
    ANY_KNOWN,
    DEFAULT,
    GROUP_SHIFT,
    GROUPS,
    LEAF_SHIFT,
    LEAVES,
    MIXED,
    TOTALS,
    Tree,
)
from app.model.painting import FLIPPED, ROOM, ROWS, Output, Rules, drive, has_room, paint
from app.model.slotcover import Cover
from app.model.transitions import CODES, Operation

EVENT, PHASE, POSITION, EFFECTIVE = range(4)
"""Indices into the cursor with which `apply_events` stops and goes on."""

REVEALING, PAINTING = range(2)
"""Phases of one conversion: pages that nothing showed before appear first."""

CONVERSION = int(EventKind.CONVERSION)
LOSS_BEGIN = int(EventKind.LOSS_BEGIN)
LOSS_END = int(EventKind.LOSS_END)
FAILED = int(Outcome.FAILED)
UNCONFIRMED = int(Outcome.UNCONFIRMED)
RANGE_UNKNOWN = int(Certainty.UNKNOWN)
UNKNOWN = int(PageState.UNKNOWN)
NO_MEMSLOT = int(PageState.NO_MEMSLOT)
SET = int(Operation.SET_SHARED)
DOUBT = int(Operation.DOUBT_SHARED)
FORGET = int(Operation.FORGET)
REVEAL = int(Operation.REVEAL)
RECALL = int(Operation.RECALL_SHARED)


@hot
def effect(events: EventArray, index: int) -> int:
    """`events.effect_time` of one event."""
    event = events[index]
    if event.outcome == UNCONFIRMED or event.latency_ns < 0:
        return int(event.t)
    return int(event.t + event.latency_ns)


@hot
def first_disorder(events: EventArray, last_t: int) -> int:
    """Index of the first event that takes effect before the one before it, -1 if none does."""
    for index in range(events.size):
        t = effect(events, index)
        if t < last_t:
            return index
        last_t = t
    return -1


@hot
def forget_dirty(
    tree: Tree, cover: Cover, output: Output, rules: Rules, t: int, event: int
) -> bool:
    """Forget the leaves touched since this was done last. False if there was no room."""
    for group in range(GROUPS):
        if tree.group_dirty[group] == 0:
            continue
        first = group << GROUP_SHIFT
        end = first + (1 << GROUP_SHIFT)
        if tree.groups[group] < CODES:
            reached = drive(tree, cover, output, rules, t, event, first, end, True)
            if reached < end:
                return False
        row = tree.groups[group] - CODES
        for leaf in range(LEAVES if row >= 0 else 0):
            leaf_first = first + (leaf << LEAF_SHIFT)
            leaf_end = leaf_first + (1 << LEAF_SHIFT)
            if tree.leaf_dirty[row, leaf] == 0:
                continue
            if drive(tree, cover, output, rules, t, event, leaf_first, leaf_end, True) < leaf_end:
                return False
            tree.leaf_dirty[row, leaf] = 0
        tree.group_dirty[group] = 0
    return True


@hot
def write_row(output: Output, t: int, event: int, before: int, after: int) -> None:
    """The row of no pages by which a forgotten default is told."""
    n = output.tally[ROWS]
    row = output.rows[n]
    row.t = t
    row.gfn = 0
    row.npages = 0
    row.event = event
    row.mixed_delta = 0
    row.before = before
    row.after = after
    row.in_memslot = False
    output.tally[ROWS] = n + 1


@hot
def forget(tree: Tree, cover: Cover, output: Output, rules: Rules, t: int, event: int) -> bool:
    """Make everything unknown that events may have changed unseen. False if there was no room."""
    if tree.meta[ANY_KNOWN] != 0:
        if not forget_dirty(tree, cover, output, rules, t, event):
            return False
        tree.meta[ANY_KNOWN] = 0
    if tree.meta[DEFAULT] != UNKNOWN:
        if not has_room(tree, output):
            return False
        write_row(output, t, event, tree.meta[DEFAULT], UNKNOWN)
        tree.meta[DEFAULT] = UNKNOWN
    return True


@hot
def apply_events(
    tree: Tree,
    cover: Cover,
    output: Output,
    transitions: npt.NDArray[np.uint8],
    events: EventArray,
    first_seq: int,
    shows_touched: bool,
    cursor: npt.NDArray[np.int64],
) -> None:
    """Take the map through the events from the cursor on, as far as there is room.

    `shows_touched`: no memslot is known, so pages appear when a conversion names them.
    """
    for index in range(cursor[EVENT], events.size):
        cursor[EVENT] = index
        event = events[index]
        if event.outcome == FAILED:
            events[index].effective_pages = 0
            continue
        t, seq = effect(events, index), first_seq + index
        is_conversion = event.kind == CONVERSION
        is_forgotten = is_conversion and event.range_certainty == RANGE_UNKNOWN
        if is_forgotten or event.kind == LOSS_BEGIN or event.kind == LOSS_END:
            rules = transitions[tree.meta[DEFAULT], FORGET]
            if not forget(tree, cover, output, rules, t, seq):
                return
        elif is_conversion and not convert(
            tree, cover, output, transitions, events, index, t, seq, shows_touched, cursor
        ):
            return
        events[index].effective_pages = cursor[EFFECTIVE]
        cursor[EFFECTIVE] = 0
    cursor[EVENT] = events.size


@hot
def convert(
    tree: Tree,
    cover: Cover,
    output: Output,
    transitions: npt.NDArray[np.uint8],
    events: EventArray,
    index: int,
    t: int,
    seq: int,
    shows_touched: bool,
    cursor: npt.NDArray[np.int64],
) -> bool:
    """Do the conversion at the cursor to its range, cut at 2^40. False if there was no room."""
    event = events[index]
    if event.gfn >= np.uint64(GFN_LIMIT):
        return True
    first = np.int64(event.gfn)
    end = first + np.int64(min(event.npages, np.uint64(GFN_LIMIT - first)))
    operation = min(event.to, UNKNOWN) + (DOUBT if event.outcome == UNCONFIRMED else SET)
    if cursor[POSITION] < 0:
        cursor[POSITION] = first
        cursor[PHASE] = REVEALING if shows_touched else PAINTING
    if cursor[PHASE] == REVEALING:
        rules = transitions[tree.meta[DEFAULT], REVEAL]
        position = cursor[POSITION]
        cursor[POSITION] = drive(tree, cover, output, rules, t, seq, position, end, True)
        if cursor[POSITION] < end:
            return False
        cursor[POSITION] = first
        cursor[PHASE] = PAINTING
    output.tally[FLIPPED] = 0
    rules = transitions[tree.meta[DEFAULT], operation]
    position = cursor[POSITION]
    cursor[POSITION] = drive(tree, cover, output, rules, t, seq, position, end, True)
    cursor[EFFECTIVE] += output.tally[FLIPPED]
    if cursor[POSITION] < end:
        return False
    cursor[POSITION] = -1
    return True


@hot
def replay_changes(
    tree: Tree,
    output: Output,
    transitions: npt.NDArray[np.uint8],
    changes: ChangeArray,
    cursor: npt.NDArray[np.int64],
) -> None:
    """Put back recorded changes from the cursor on, as far as there is room. Writes no rows."""
    for index in range(cursor[EVENT], changes.size):
        cursor[EVENT] = index
        change = changes[index]
        if change.npages == np.uint64(0):
            tree.meta[DEFAULT] = change.after
            continue
        first, end = np.int64(change.gfn), np.int64(change.gfn + change.npages)
        if change.after != NO_MEMSLOT:
            rules = transitions[tree.meta[DEFAULT], RECALL + change.after, 0]
            position = max(first, cursor[POSITION])
            cursor[POSITION] = paint(
                tree, output, rules, 0, 0, position, end, (-1, GFN_LIMIT + ROOM)
            )
            if cursor[POSITION] < end:
                return
            cursor[POSITION] = -1
        if change.in_memslot:
            tree.meta[TOTALS + change.before] -= end - first
            tree.meta[TOTALS + change.after] += end - first
        tree.meta[MIXED] += change.mixed_delta
    cursor[EVENT] = changes.size
