"""Events to blob and back. docs/schema.md lists for readers without us what the columns mean."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from app.model.events import EVENT, EventArray, effect_time
from app.model.guest import KVM_MEMORY_ATTRIBUTE_PRIVATE, Outcome, To
from app.store.codecs._arrow import (
    ALL_ROWS,
    Rows,
    join,
    narrowed,
    read_batch,
    split,
    unzigzag,
    write_batch,
    zigzag,
)
from app.store.codecs._border import check_events

_PLAIN = (
    "gfn",
    "npages",
    "errno",
    "address_low",
    "size_low",
    "kind",
    "to",
    "outcome",
    "cause",
    "cause_certainty",
    "range_certainty",
)


def encode_events(events: EventArray, first_t: int) -> bytes:
    """One blob. Events are in order of effect time, none before first_t."""
    effect = effect_time(events)
    columns = split("effect_step", np.diff(effect, prepend=first_t))
    columns |= split("latency_ns", zigzag(events["latency_ns"]))
    for name in _PLAIN:
        columns |= split(name, events[name])
    columns |= split("unchanged_pages", events["npages"] - events["effective_pages"])
    columns |= split("aux", events["aux"] ^ _usual_aux(events["to"]))
    columns["thread"] = _threads(events)
    return write_batch(columns)


def decode_events(blob: bytes, first_t: int, rows: Rows = ALL_ROWS) -> EventArray:
    """These events of a blob, column by column equal to what was encoded. Raises ValueError if they
    are none."""
    batch = read_batch(blob)
    effect = effect_times(batch, first_t)[rows]
    events = np.zeros(len(effect), dtype=EVENT)
    for name in _PLAIN:
        events[name] = narrowed(join(batch, name, rows), EVENT[name].type)
    events["latency_ns"] = unzigzag(join(batch, "latency_ns", rows))
    events["effective_pages"] = events["npages"] - join(batch, "unchanged_pages", rows)
    events["aux"] = join(batch, "aux", rows) ^ _usual_aux(events["to"])
    index, threads = decode_threads(batch)
    events["tid"], events["vcpu"] = (column[index[rows]] for column in tids_and_vcpus(threads))
    # The inverse of effect_time.
    is_timed = events["outcome"] != Outcome.UNCONFIRMED
    spent = np.where(is_timed, np.maximum(events["latency_ns"], 0), 0)
    events["t"] = effect - spent
    check_events(events, effect, first_t)
    return events


def decode_threads(
    batch: pa.RecordBatch,
) -> tuple[npt.NDArray[np.integer[Any]], npt.NDArray[np.int64]]:
    """Each event's index into the threads that there are, and these: tid << 16 | vcpu."""
    column = batch.column("thread")
    return np.asarray(column.indices), np.asarray(column.dictionary)


def tids_and_vcpus(
    threads: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int16]]:
    vcpus: npt.NDArray[np.int16] = (threads & 0xFFFF).astype(np.uint16).view(np.int16)
    return (threads >> 16).astype(np.int32), vcpus


def effect_times(batch: pa.RecordBatch, first_t: int) -> npt.NDArray[np.int64]:
    steps = join(batch, "effect_step").view(np.int64)
    times: npt.NDArray[np.int64] = np.cumsum(steps) + first_t
    return times


def _usual_aux(to: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """What `aux` of a conversion, its attributes, almost always is."""
    return np.where(to == To.PRIVATE, np.uint64(KVM_MEMORY_ATTRIBUTE_PRIVATE), np.uint64(0))


def _threads(events: EventArray) -> pa.Array:
    """A dictionary column of tid << 16 | vcpu: a vCPU's thread has both in one index."""
    vcpu = events["vcpu"].astype(np.int64) & 0xFFFF
    threads = (events["tid"].astype(np.int64) << 16) | vcpu
    # pyarrow's own encoding would load all of pyarrow.compute: 14 MB, in the agent too.
    dictionary = np.unique(threads)
    narrow = np.uint8 if len(dictionary) <= 1 << 8 else np.int32
    indices = np.searchsorted(dictionary, threads).astype(narrow)
    return pa.DictionaryArray.from_arrays(pa.array(indices), pa.array(dictionary))
