"""Everything on screen as Arrow record batches: the columns of exports and of REST's CSV and Arrow.

Times are ns since the recording's start, `clock_ns` is the trace's own clock, addresses and sizes
are bytes, ranges are `gfn, npages`. Null means: not known, or not meaningful for that kind.
"""

import errno
from collections.abc import Sequence
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from app.model.events import (
    ChangeArray,
    EventArray,
    RunArray,
    TraceClock,
    effect_time,
    is_vague,
)
from app.model.guest import (
    PAGE_SHIFT,
    UNKNOWN_VCPU,
    Cause,
    Certainty,
    EventKind,
    Memslot,
    Outcome,
    PageState,
    To,
)
from app.model.stats import DIRECTED

NAME = pa.dictionary(pa.int8(), pa.string())
ERRNO_NAME = pa.dictionary(pa.int16(), pa.string())
ERRNO_LIMIT = 4096
"""MAX_ERRNO (include/linux/err.h), plus one."""
ERRNO_NAMES = [errno.errorcode.get(number) for number in range(ERRNO_LIMIT)]

EVENTS = pa.schema(
    [
        ("seq", pa.int64()),
        ("t", pa.int64()),
        ("t_effect", pa.int64()),
        ("clock_ns", pa.int64()),
        ("kind", NAME),
        ("gfn", pa.uint64()),
        ("npages", pa.uint64()),
        ("address", pa.uint64()),
        ("size", pa.uint64()),
        ("to", NAME),
        ("outcome", NAME),
        ("errno", pa.int16()),
        ("errno_name", ERRNO_NAME),
        ("cause", NAME),
        ("cause_certainty", NAME),
        ("range_certainty", NAME),
        ("tid", pa.int32()),
        ("vcpu", pa.int16()),
        ("latency_ns", pa.int64()),
        ("effective_pages", pa.uint64()),
        ("aux", pa.uint64()),
    ]
)
CONVERSIONS = pa.schema([field for field in EVENTS if field.name not in ("kind", "aux")])
CHANGES = pa.schema(
    [
        ("t", pa.int64()),
        ("gfn", pa.uint64()),
        ("npages", pa.uint64()),
        ("before", NAME),
        ("after", NAME),
        ("in_memslot", pa.bool_()),
        ("mixed_delta", pa.int32()),
        ("seq", pa.int64()),
    ]
)
STATE = pa.schema([("gfn", pa.uint64()), ("npages", pa.uint64()), ("state", NAME)])
MEMSLOTS = pa.schema(
    [
        ("slot", pa.int32()),
        ("as_id", pa.int32()),
        ("base_gfn", pa.uint64()),
        ("npages", pa.uint64()),
        ("flags", pa.uint32()),
        ("backing", pa.string()),
        ("backing_certainty", pa.string()),
        ("can_be_private", pa.bool_()),
        ("userspace_addr", pa.uint64()),
        ("guest_memfd", pa.int32()),
        ("guest_memfd_offset", pa.uint64()),
        ("from", pa.int64()),
        ("to", pa.int64()),
    ]
)


def names_of(
    names: type[IntEnum],
    codes: npt.NDArray[np.uint8],
    is_null: npt.NDArray[np.bool_] | None = None,
) -> pa.DictionaryArray:
    """Turn codes of a gapless enumeration into its lower-case names."""
    first = min(names)
    indices = pa.array((codes - np.uint8(first)).astype(np.int8), mask=is_null)
    return pa.DictionaryArray.from_arrays(indices, [name.name.lower() for name in names])


def errno_names(numbers: npt.NDArray[np.int16]) -> pa.DictionaryArray:
    known = np.array([name is not None for name in ERRNO_NAMES])
    indices = np.clip(numbers, 0, ERRNO_LIMIT - 1)
    return pa.DictionaryArray.from_arrays(
        pa.array(indices, mask=~known[indices]), [name or "" for name in ERRNO_NAMES]
    )


def events_table(
    events: EventArray, seqs: npt.NDArray[np.int64], clock: TraceClock
) -> pa.RecordBatch:
    """Events as `EVENTS`, in the order given."""
    has_no_range = events["range_certainty"] == Certainty.UNKNOWN
    has_no_direction = ~np.isin(events["kind"], list(DIRECTED))
    is_call = np.isin(events["kind"], (EventKind.CONVERSION, EventKind.DOUBT))
    # A guest_memfd has a size, but no place in the guest until a memslot gives it one.
    has_no_place = has_no_range | (events["kind"] == EventKind.GUEST_MEMFD)
    shift = np.uint64(PAGE_SHIFT)
    columns = {
        "seq": seqs,
        "t": events["t"],
        "t_effect": effect_time(events),
        "clock_ns": clock.at(events["t"]),
        "kind": names_of(EventKind, events["kind"]),
        "gfn": pa.array(events["gfn"], mask=has_no_place),
        "npages": pa.array(events["npages"], mask=has_no_range),
        "address": pa.array((events["gfn"] << shift) | events["address_low"], mask=has_no_place),
        "size": pa.array((events["npages"] << shift) | events["size_low"], mask=has_no_range),
        "to": names_of(To, events["to"], has_no_direction),
        "outcome": names_of(Outcome, events["outcome"]),
        "errno": events["errno"],
        "errno_name": errno_names(events["errno"]),
        "cause": names_of(Cause, events["cause"], events["cause"] == Cause.NONE),
        "cause_certainty": names_of(Certainty, events["cause_certainty"]),
        "range_certainty": names_of(Certainty, events["range_certainty"]),
        "tid": events["tid"],
        "vcpu": pa.array(events["vcpu"], mask=events["vcpu"] == UNKNOWN_VCPU),
        "latency_ns": pa.array(events["latency_ns"], mask=events["latency_ns"] < 0),
        "effective_pages": pa.array(events["effective_pages"], mask=is_vague(events) & is_call),
        "aux": events["aux"],
    }
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[field.name]).cast(field.type) for field in EVENTS], schema=EVENTS
    )


def conversions_table(
    events: EventArray, seqs: npt.NDArray[np.int64], clock: TraceClock
) -> pa.RecordBatch:
    """Conversions as `CONVERSIONS`."""
    return events_table(events, seqs, clock).select(CONVERSIONS.names)


def changes_table(changes: ChangeArray) -> pa.RecordBatch:
    """Changes as `CHANGES`; seq is null where a memslot, not an event, made the change."""
    columns = {
        "t": changes["t"],
        "gfn": changes["gfn"],
        "npages": changes["npages"],
        "before": names_of(PageState, changes["before"]),
        "after": names_of(PageState, changes["after"]),
        "in_memslot": changes["in_memslot"],
        "mixed_delta": changes["mixed_delta"],
        "seq": pa.array(changes["event"], mask=changes["event"] < 0),
    }
    return pa.RecordBatch.from_pydict(columns, schema=CHANGES)


def state_table(runs: RunArray) -> pa.RecordBatch:
    """Runs as `STATE`."""
    columns = {
        "gfn": runs["gfn"],
        "npages": runs["npages"],
        "state": names_of(PageState, runs["state"]),
    }
    return pa.RecordBatch.from_pydict(columns, schema=STATE)


def memslots_table(memslots: Sequence[Memslot]) -> pa.RecordBatch:
    """Memslots as `MEMSLOTS`, in the order given."""
    rows = [
        {
            "slot": memslot.slot if memslot.slot >= 0 else None,
            "as_id": memslot.as_id,
            "base_gfn": memslot.base_gfn,
            "npages": memslot.npages,
            "flags": memslot.flags,
            "backing": memslot.backing.value,
            "backing_certainty": memslot.backing_certainty.name.lower(),
            "can_be_private": memslot.backing.can_be_private,
            "userspace_addr": memslot.userspace_addr,
            "guest_memfd": memslot.guest_memfd,
            "guest_memfd_offset": memslot.guest_memfd_offset,
            "from": memslot.from_t,
            "to": memslot.to_t,
        }
        for memslot in memslots
    ]
    return pa.RecordBatch.from_pylist(rows, schema=MEMSLOTS)
