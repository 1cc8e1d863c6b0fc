"""Ring-buffer sub-buffers ("pages") to RECORD rows: the compiled heart of the decoder.

Layout of a page: Linux kernel/trace/ring_buffer.c, struct buffer_data_page and
include/linux/ring_buffer.h, enum ring_buffer_type. All numbers are little-endian, longs 64 bit.
"""

import numpy as np
import numpy.typing as npt

from app.model.jit import hot
from collector.records import RECORD, RecordCode

HEADER = 16  # bytes before a page's data: u64 time stamp, u64 commit
HEADER_WORDS = HEADER // 4
ROW_WORDS = RECORD.itemsize // 8

MISSED_EVENTS = 1 << 31
MISSED_STORED = 1 << 30
COMMIT_MASK = MISSED_STORED - 1

PADDING = 29
TIME_EXTEND = 30
TIME_STAMP = 31
TIME_SHIFT = 27  # bits of a time delta in the event's word
STAMP_MASK = (1 << 59) - 1  # an absolute stamp has 59 bits

MAX_DAMAGE_NOTED = 64  # damaged pages described each; the others are only counted

LOSS_BEGIN = int(RecordCode.LOSS_BEGIN)
LOSS_END = int(RecordCode.LOSS_END)

# Places in a stream's state.
LAST_TS = 0  # of the last event, or of the last page's start
HAS_EVENTS = 1
GAP_PENDING = 2  # events are missing between LAST_TS and the next event
GAP_COUNT = 3  # how many, 0 if unknown
GAP_UNKNOWN = 4  # part of the gap is not counted
UNCOUNTED_GAP_COUNT = 5  # what to say of a gap whose page does not tell a number
LOST = 6  # sum of the counted losses
UNCOUNTED_GAPS = 7
DAMAGED = 8  # number of damaged pages
FIRST_TS = 9  # of the first event
STATE_SIZE = 10  # a second copy follows: the state when the page began

# Why a page could not be read to its end.
BAD_HEADER = 1
TIME_ORDER = 2
EVENT_LENGTH = 3
EVENT_TIME = 4
SHORT_EVENT = 5

DAMAGE_TEXT = {
    BAD_HEADER: "the page's header is not one",
    TIME_ORDER: "the page's time does not fit between its neighbours'",
    EVENT_LENGTH: "an event does not fit into its page",
    EVENT_TIME: "an event's time runs backwards",
    SHORT_EVENT: "an event is shorter than its format says",
}


@hot
def decode_pages(
    words: npt.NDArray[np.uint32],
    pages: int,
    known_pages: int,
    page_words: int,
    cpu: int,
    plan_of: npt.NDArray[np.int32],
    plans: npt.NDArray[np.int64],
    gathers: npt.NDArray[np.int64],
    state: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    damage: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
) -> int:
    """Decode `pages` pages of one CPU into `rows` (RECORD as 10 words); returns how many rows.

    `known_pages` >= `pages` pages are in `words`: the times of those beyond tell which of two
    pages that disagree is the damaged one. `words` is at least two words longer than its pages.
    `plans`, `gathers`, `plan_of`: see collector.ftrace.plan. `counts`: events seen, by id.
    """
    n = 0
    for page in range(pages):
        base = page * page_words
        reason = _header_damage(words, page, known_pages, page_words, state)
        place = base
        if reason == 0:
            for i in range(STATE_SIZE):
                state[STATE_SIZE + i] = state[i]
            _note_missed(words, base, page_words, state)
            n_after, place, ts, reason = _decode_page(
                words, base, cpu, plan_of, plans, gathers, state, counts, rows, n
            )
            if reason == 0 and _overtakes_next(words, page, known_pages, page_words, ts):
                for i in range(STATE_SIZE):
                    state[i] = state[STATE_SIZE + i]
                reason = TIME_ORDER
            else:
                n = n_after
        if reason != 0:
            _note_damage(damage, state, page, (place - base) * 4, reason)
    return n


@hot
def _decode_page(
    words: npt.NDArray[np.uint32],
    base: int,
    cpu: int,
    plan_of: npt.NDArray[np.int32],
    plans: npt.NDArray[np.int64],
    gathers: npt.NDArray[np.int64],
    state: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    n: int,
) -> tuple[int, int, int, int]:
    """Decode one page; returns (rows so far, place reached, time reached, damage or 0)."""
    ts = _u64(words, base)
    at = base + HEADER_WORDS
    end = at + ((np.int64(words[base + 2]) & COMMIT_MASK) >> 2)
    while at < end:
        place = at
        body, length, at, ts, reason = _next_event(words, at, end, ts)
        if reason != 0:
            return n, place, ts, reason
        if body == 0:
            continue
        if state[GAP_PENDING] != 0:
            n = _end_gap(rows, n, ts, cpu, state)
        if state[HAS_EVENTS] == 0:
            state[FIRST_TS] = ts
        state[LAST_TS] = ts
        state[HAS_EVENTS] = 1
        event = np.int64(words[body]) & 0xFFFF
        counts[event] += 1
        plan = plan_of[event]
        if plan >= 0:
            if length * 4 < plans[plan, 3]:
                return n, place, ts, SHORT_EVENT
            _gather_row(words, body, cpu, ts, plans, plan, gathers, rows, n)
            n += 1
    return n, at, ts, 0


@hot
def _next_event(
    words: npt.NDArray[np.uint32], at: int, end: int, ts: int
) -> tuple[int, int, int, int, int]:
    """Step over the event at `at`.

    Returns (first word of its data or 0 if it carries none, length of the data in words, place
    of the next event, time, damage or 0).
    """
    word = np.int64(words[at])
    kind = word & 31
    delta = word >> 5
    if 0 < kind < PADDING:
        following = at + 1 + kind
        return at + 1, kind, following, ts + delta, EVENT_LENGTH if following > end else 0
    if kind == PADDING and delta == 0:
        return 0, 0, end, ts, 0
    if at + 1 >= end:
        return 0, 0, end, ts, EVENT_LENGTH
    second = np.int64(words[at + 1])
    if kind == 0:  # the length counts itself
        length = (second - 1) >> 2
        following = at + 2 + length
        reason = EVENT_LENGTH if second < 8 or following > end else 0
        return at + 2, length, following, ts + delta, reason
    if kind == PADDING:
        following = at + 1 + ((second + 3) >> 2)
        # A discarded event's delta counts, but 1 may stand for 0 (rb_event_discard).
        reason = EVENT_LENGTH if following > end else 0
        return 0, 0, following, ts + (delta if delta != 1 else 0), reason
    span = (second << TIME_SHIFT) + delta
    after = ts + span if kind == TIME_EXTEND else _absolute(span, ts)
    return 0, 0, at + 2, after, EVENT_TIME if after < ts else 0


@hot
def _absolute(stamp: int, ts: int) -> int:
    """A 59-bit absolute stamp with the top bits of the running time (rb_fix_abs_ts)."""
    top = ts & ~STAMP_MASK
    if top == 0:
        return stamp
    after = stamp | top
    return after + STAMP_MASK + 1 if after < ts else after


@hot
def _header_damage(
    words: npt.NDArray[np.uint32],
    page: int,
    known_pages: int,
    page_words: int,
    state: npt.NDArray[np.int64],
) -> int:
    base = page * page_words
    used = np.int64(words[base + 2]) & COMMIT_MASK
    if words[base + 3] != 0 or used > page_words * 4 - HEADER or used % 4 != 0:
        return BAD_HEADER
    if used == 0:
        return 0
    ts = _u64(words, base)
    if ts < state[LAST_TS]:
        return TIME_ORDER
    if not _overtakes_next(words, page, known_pages, page_words, ts):
        return 0
    # This page and the next disagree: the one after them decides which of them is wrong.
    if page + 2 < known_pages and _u64(words, (page + 2) * page_words) >= ts:
        return 0
    return TIME_ORDER


@hot
def _overtakes_next(
    words: npt.NDArray[np.uint32], page: int, known_pages: int, page_words: int, ts: int
) -> bool:
    """Does `ts` lie after the next page's start, and is it that page which is sound?"""
    following = (page + 1) * page_words
    if page + 1 >= known_pages or np.int64(words[following + 2]) & COMMIT_MASK == 0:
        return False
    return ts > _u64(words, following)


@hot
def _note_missed(
    words: npt.NDArray[np.uint32], base: int, page_words: int, state: npt.NDArray[np.int64]
) -> None:
    """Open a gap if the page says that events before it were lost; the count lies after its data
    where the kernel found room for it (ring_buffer_read_page)."""
    flags = np.int64(words[base + 2])
    if flags & MISSED_EVENTS == 0:
        return
    after = HEADER_WORDS + ((flags & COMMIT_MASK) >> 2)
    count = 0
    if flags & MISSED_STORED != 0 and after + 2 <= page_words:
        count = _u64(words, base + after)
    if count > 0:
        state[LOST] += count
    else:
        count = state[UNCOUNTED_GAP_COUNT]
        state[UNCOUNTED_GAPS] += 1
    _open_gap(state, count)


@hot
def _open_gap(state: npt.NDArray[np.int64], count: int) -> None:
    """Events are missing from here to the next event; `count` 0: nobody knows how many."""
    if count <= 0:
        state[GAP_UNKNOWN] = 1
    state[GAP_COUNT] += max(count, 0)
    state[GAP_PENDING] = 1


@hot
def _end_gap(
    rows: npt.NDArray[np.int64], n: int, ts: int, cpu: int, state: npt.NDArray[np.int64]
) -> int:
    """Put LOSS_BEGIN at the last event before the gap, if there is one, and LOSS_END at `ts`."""
    count = 0 if state[GAP_UNKNOWN] != 0 else state[GAP_COUNT]
    before = state[LAST_TS]
    if state[HAS_EVENTS] != 0:
        n = _put_loss(rows, n, before, LOSS_BEGIN, cpu, count, ts)
    n = _put_loss(rows, n, ts, LOSS_END, cpu, count, before)
    state[GAP_PENDING] = 0
    state[GAP_COUNT] = 0
    state[GAP_UNKNOWN] = 0
    return n


@hot
def _put_loss(
    rows: npt.NDArray[np.int64], n: int, ts: int, code: int, cpu: int, count: int, other: int
) -> int:
    rows[n] = 0
    rows[n, 0] = ts
    rows[n, 1] = (cpu << 32) | (code << 48)
    rows[n, 2] = count
    rows[n, 3] = other
    return n + 1


@hot
def _note_damage(
    damage: npt.NDArray[np.int64],
    state: npt.NDArray[np.int64],
    page: int,
    place: int,
    reason: int,
) -> None:
    """Note where a page was given up; what it still held is a gap of unknown size."""
    noted = state[DAMAGED]
    if noted < len(damage):
        damage[noted, 0] = page
        damage[noted, 1] = place
        damage[noted, 2] = reason
    state[DAMAGED] += 1
    _open_gap(state, 0)


@hot
def _gather_row(
    words: npt.NDArray[np.uint32],
    body: int,
    cpu: int,
    ts: int,
    plans: npt.NDArray[np.int64],
    plan: int,
    gathers: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    n: int,
) -> None:
    """Write one RECORD: time, thread, CPU, code, flags, and its values as the plan says."""
    tid = _load(words, body, plans[plan, 2], 4)
    rows[n, 0] = ts
    rows[n, 1] = tid | (cpu << 32) | (plans[plan, 0] << 48) | (plans[plan, 1] << 56)
    for v in range(2, ROW_WORDS):
        rows[n, v] = 0
    for g in range(plans[plan, 4], plans[plan, 5]):
        offset, size, bits_left = gathers[g, 1], gathers[g, 2], gathers[g, 4]
        if size == 0:
            value = offset
        else:
            value = _load(words, body, offset, size)
            if gathers[g, 3] != 0:
                unused = 64 - 8 * size
                value = (value << unused) >> unused
        rows[n, 2 + gathers[g, 0]] += value << bits_left


@hot
def _load(words: npt.NDArray[np.uint32], body: int, offset: int, size: int) -> int:
    """`size` bytes (1, 2, 4, 8) at byte `offset` of an event's data, aligned or not."""
    at = body + (offset >> 2)
    skip = (offset & 3) * 8
    value = _u64(words, at)
    if skip != 0:
        value = ((value >> skip) & ((1 << (64 - skip)) - 1)) | (
            np.int64(words[at + 2]) << (64 - skip)
        )
    return value if size == 8 else value & ((1 << (8 * size)) - 1)


@hot
def _u64(words: npt.NDArray[np.uint32], at: int) -> int:
    return np.int64(words[at]) | (np.int64(words[at + 1]) << 32)
