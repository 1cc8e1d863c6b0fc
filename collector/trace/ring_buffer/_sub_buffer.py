"""Ring-buffer sub-buffers ("pages") to RECORD rows: the compiled heart of the decoder.

Layout of a page: Linux kernel/trace/ring_buffer.c, struct buffer_data_page and
include/linux/ring_buffer.h, enum ring_buffer_type. All numbers are little-endian, longs 64 bit.
"""

from app.compiled import hot_in_place, hot_part
from collector.trace.ring_buffer._gaps import end_gap, open_gap
from collector.trace.ring_buffer._gather import gather_rows, u64, word_at
from collector.trace.ring_buffer._tables import Tables, Words

HEADER = 16  # bytes before a page's data: u64 time stamp, u64 commit
HEADER_WORDS = HEADER // 4

MISSED_EVENTS = 1 << 31
MISSED_STORED = 1 << 30
COMMIT_MASK = MISSED_STORED - 1
ALL_BITS = 0xFFFFFFFF

PADDING = 29
TIME_EXTEND = 30
TIME_SHIFT = 27  # bits of a time delta in the event's word
STAMP_MASK = (1 << 59) - 1  # an absolute stamp has 59 bits

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
    SHORT_EVENT: "an event is shorter than its format",
}


@hot_in_place
def decode_pages(tables: Tables, cpu: int, pages: int, known_pages: int, page_words: int) -> int:
    """Decode `pages` pages of one CPU into `tables.rows`; returns how many rows.

    `known_pages` >= `pages` pages are in `tables.words`: the times of those beyond show which of
    two pages that disagree is the damaged one.
    """
    n = 0
    words, state = tables.words, tables.state
    for page in range(pages):
        base = page * page_words
        reason = _header_damage(tables, page, known_pages, page_words)
        place = base
        if reason == 0:
            state[1] = state[0]
            _note_missed(tables, base, page_words)
            n_after, place, ts, reason = _decode_page(tables, base, cpu, n)
            if reason == 0 and _runs_into_next(words, page, known_pages, page_words, ts):
                state[0] = state[1]
                reason = TIME_ORDER
            else:
                gather_rows(tables, cpu, n, n_after)
                n = n_after
        if reason != 0:
            _note_damage(tables, page, (place - base) * 4, reason)
    return n


@hot_part
def _decode_page(tables: Tables, base: int, cpu: int, n: int) -> tuple[int, int, int, int]:
    """Walk through one page; returns (rows so far, place and time reached, damage or 0).

    A wanted event's row has its time, no code yet, the place of its data and its plan;
    `gather_rows` completes it.
    """
    words, state = tables.words, tables.state[0]
    ts = u64(words, base)
    at = base + HEADER_WORDS
    end = at + ((word_at(words, base + 2) & COMMIT_MASK) >> 2)
    while at < end:
        place = at
        body, length, at, ts, reason = _next_event(words, at, end, ts)
        if reason != 0:
            return n, place, ts, reason
        if body == 0:
            continue
        event = word_at(words, body) & 0xFFFF
        plan = tables.plan_of[event]
        if plan >= 0 and length * 4 < tables.plans[plan].least_length:
            return n, place, ts, SHORT_EVENT
        if state.gap_is_open != 0:
            n = end_gap(tables, n, ts, cpu)
        if state.has_events == 0:
            state.first_ts = ts
        state.last_ts = ts
        state.has_events = 1
        tables.counts[event] += 1
        if plan >= 0:
            row = tables.rows[n]
            row.ts, row.code = ts, 0
            row.v[0], row.v[1] = body, plan
            n += 1
    return n, at, ts, 0


@hot_part
def _next_event(words: Words, at: int, end: int, ts: int) -> tuple[int, int, int, int, int]:
    """Step over the event at `at`.

    Returns (first word of its data or 0 if it carries none, length of the data in words, place
    of the next event, time, damage or 0).
    """
    word = word_at(words, at)
    kind = word & 31
    delta = word >> 5
    if 0 < kind < PADDING:
        following = at + 1 + kind
        return at + 1, kind, following, ts + delta, EVENT_LENGTH if following > end else 0
    if kind == PADDING and delta == 0:
        return 0, 0, end, ts, 0
    if at + 1 >= end:
        return 0, 0, end, ts, EVENT_LENGTH
    second = word_at(words, at + 1)
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


@hot_part
def _absolute(stamp: int, ts: int) -> int:
    """A 59-bit absolute stamp with the top bits of the running time (rb_fix_abs_ts)."""
    top = ts & ~STAMP_MASK
    if top == 0:
        return stamp
    after = stamp | top
    return after + STAMP_MASK + 1 if after < ts else after


@hot_part
def _header_damage(tables: Tables, page: int, known_pages: int, page_words: int) -> int:
    words = tables.words
    base = page * page_words
    flags = word_at(words, base + 2)
    used: int = flags & COMMIT_MASK
    # The kernel adds RB_MISSED_EVENTS as a negative int: without bit 30, all bits above are set.
    above = word_at(words, base + 3)
    is_long = above == 0 or (above == ALL_BITS and flags & MISSED_EVENTS != 0)
    if not is_long or used > page_words * 4 - HEADER or used % 4 != 0:
        return BAD_HEADER
    if used == 0:
        return 0
    ts = u64(words, base)
    if ts < tables.state[0].last_ts:
        return TIME_ORDER
    if not _overtakes_next(words, page, known_pages, page_words, ts):
        return 0
    # This page and the next disagree: the one after them decides which of them is wrong.
    if page + 2 < known_pages and u64(words, (page + 2) * page_words) >= ts:
        return 0
    return TIME_ORDER


@hot_part
def _overtakes_next(words: Words, page: int, known_pages: int, page_words: int, ts: int) -> bool:
    following = (page + 1) * page_words
    if page + 1 >= known_pages or word_at(words, following + 2) & COMMIT_MASK == 0:
        return False
    return ts > u64(words, following)


@hot_part
def _runs_into_next(words: Words, page: int, known_pages: int, page_words: int, ts: int) -> bool:
    """Does the page end at `ts`, after the start of the next, though it began before that?"""
    if not _overtakes_next(words, page, known_pages, page_words, ts):
        return False
    return u64(words, (page + 1) * page_words) >= u64(words, page * page_words)


@hot_in_place
def _note_missed(tables: Tables, base: int, page_words: int) -> None:
    """Open a gap if the page has the mark of events lost before it; the count lies after its data
    where the kernel found room for it (ring_buffer_read_page)."""
    words, state = tables.words, tables.state[0]
    flags = word_at(words, base + 2)
    if flags & MISSED_EVENTS == 0:
        return
    after = HEADER_WORDS + ((flags & COMMIT_MASK) >> 2)
    count = 0
    if flags & MISSED_STORED != 0 and after + 2 <= page_words:
        count = u64(words, base + after)
    if count > 0:
        state.lost += count
    else:
        count = state.count_of_uncounted
        state.uncounted_gaps += 1
    open_gap(state, count)


@hot_in_place
def _note_damage(tables: Tables, page: int, place: int, reason: int) -> None:
    """Note where a page was given up; what it still held is a gap of unknown size."""
    state = tables.state[0]
    if state.damaged < len(tables.damage):
        damage = tables.damage[state.damaged]
        damage.page, damage.place, damage.reason = page, place, reason
    state.damaged += 1
    open_gap(state, 0)
