import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from app.model.events import CHANGE, EVENT, EventArray, TraceClock
from app.model.guest import (
    UNKNOWN_LATENCY,
    UNKNOWN_VCPU,
    Backing,
    Cause,
    Certainty,
    EventKind,
    Memslot,
    Outcome,
    PageState,
    To,
)
from app.queries.choices import TableFormat
from app.queries.tables import (
    EVENTS,
    changes_table,
    conversions_table,
    events_table,
    json_array,
    memslots_table,
    table_chunks,
)
from app.queries.tables._json_rows import json_rows

CLOCK_START_NS = 1_000_000_000_000
CLOCK = TraceClock(((0, CLOCK_START_NS),))
ZERO = TraceClock(((0, 0),))


def one_event(**fields: int) -> EventArray:
    events = np.zeros(1, EVENT)
    events["kind"] = EventKind.CONVERSION
    events["range_certainty"] = Certainty.SEEN
    for name, value in fields.items():
        events[name] = value
    return events


def rows(batch: pa.RecordBatch) -> list[dict[str, object]]:
    return [json.loads(line) for line in json_rows(batch).splitlines()]


def test_a_conversion_is_a_row_in_full() -> None:
    event = one_event(
        t=70,
        latency_ns=30,
        gfn=0x100000,
        npages=2,
        effective_pages=1,
        tid=134,
        vcpu=3,
        to=To.PRIVATE,
        outcome=Outcome.APPLIED,
        cause=Cause.EXPLICIT,
        cause_certainty=Certainty.SEEN,
    )

    assert rows(conversions_table(event, np.array([7]), CLOCK)) == [
        {
            "seq": 7,
            "t": 70,
            "t_effect": 100,
            "clock_ns": CLOCK_START_NS + 70,
            "gfn": 0x100000,
            "npages": 2,
            "address": 0x1_0000_0000,
            "size": 8192,
            "to": "private",
            "outcome": "applied",
            "errno": 0,
            "errno_name": None,
            "cause": "explicit",
            "cause_certainty": "seen",
            "range_certainty": "seen",
            "tid": 134,
            "vcpu": 3,
            "latency_ns": 30,
            "effective_pages": 1,
        }
    ]


def test_an_unaligned_call_keeps_its_exact_bytes() -> None:
    event = one_event(
        gfn=0x10000, address_low=1, npages=1, size_low=512, outcome=Outcome.FAILED, errno=22
    )

    (row,) = rows(conversions_table(event, np.array([0]), ZERO))

    assert (row["address"], row["size"]) == (0x10000001, 4608)
    assert (row["outcome"], row["errno"], row["errno_name"]) == ("failed", 22, "EINVAL")


def test_what_is_not_known_is_null() -> None:
    event = one_event(
        range_certainty=Certainty.UNKNOWN,
        vcpu=UNKNOWN_VCPU,
        latency_ns=UNKNOWN_LATENCY,
        outcome=Outcome.UNCONFIRMED,
    )

    (row,) = rows(conversions_table(event, np.array([0]), ZERO))

    for name in ("gfn", "npages", "address", "size", "vcpu", "latency_ns", "cause"):
        assert row[name] is None, name
    assert (row["range_certainty"], row["cause_certainty"]) == ("unknown", "unknown")


def test_only_what_asks_for_a_state_has_a_direction() -> None:
    events = np.concatenate([one_event(kind=kind, to=To.SHARED) for kind in EventKind])

    table = events_table(events, np.arange(len(events)), ZERO)
    directed = [row["kind"] for row in rows(table) if row["to"]]

    assert directed == ["conversion", "hypercall", "state_read", "doubt"]


def test_an_errno_without_a_name_stays_a_number() -> None:
    (row,) = rows(events_table(one_event(errno=4095), np.array([0]), ZERO))

    assert (row["errno"], row["errno_name"]) == (4095, None)


def test_a_change_by_a_memslot_has_no_event() -> None:
    changes = np.zeros(1, CHANGE)
    changes["event"] = -1
    changes["before"] = PageState.NO_MEMSLOT
    changes["in_memslot"] = True

    assert rows(changes_table(changes)) == [
        {
            "t": 0,
            "gfn": 0,
            "npages": 0,
            "before": "no_memslot",
            "after": "shared",
            "in_memslot": True,
            "mixed_delta": 0,
            "seq": None,
        }
    ]


def test_a_live_memslot_has_no_end() -> None:
    memslot = Memslot(
        slot=1,
        base_gfn=0x100000,
        npages=512,
        flags=4,
        backing=Backing.MIXED,
        backing_certainty=Certainty.SEEN,
        userspace_addr=0x7F00_0000_0000,
        guest_memfd=6,
        guest_memfd_offset=4096,
        from_t=5,
    )

    assert rows(memslots_table([memslot])) == [
        {
            "slot": 1,
            "as_id": 0,
            "base_gfn": 0x100000,
            "npages": 512,
            "flags": 4,
            "backing": "mixed",
            "backing_certainty": "seen",
            "can_be_private": True,
            "userspace_addr": 0x7F00_0000_0000,
            "guest_memfd": 6,
            "guest_memfd_offset": 4096,
            "from": 5,
            "to": None,
        }
    ]


def test_no_rows_are_an_empty_array() -> None:
    assert json_array(memslots_table([])) == b"[]"


def test_json_rows_of_a_slice_are_those_of_the_slice() -> None:
    batch = events_table(np.concatenate([one_event(t=t) for t in range(5)]), np.arange(5), ZERO)

    assert [row["t"] for row in rows(batch.slice(2, 2))] == [2, 3]


def test_text_is_escaped_in_json() -> None:
    batch = pa.record_batch({"name": ['a"b\\c\n', None]})

    assert rows(batch) == [{"name": 'a"b\\c\n'}, {"name": None}]


@pytest.mark.parametrize("table_format", TableFormat)
def test_every_format_holds_the_same_rows(table_format: TableFormat) -> None:
    events = np.concatenate(
        [one_event(gfn=gfn, npages=1, vcpu=UNKNOWN_VCPU, to=To.PRIVATE) for gfn in range(6)]
    )
    batches = [events_table(part, np.arange(len(part)), CLOCK) for part in np.split(events, 3)]

    written = b"".join(table_chunks(batches, EVENTS, table_format))

    assert read(written, table_format) == pa.Table.from_batches(batches).to_pylist()


def read(written: bytes, table_format: TableFormat) -> list[dict[str, object]]:
    match table_format:
        case TableFormat.JSONL:
            return [json.loads(line) for line in written.splitlines()]
        case TableFormat.CSV:
            options = pyarrow.csv.ConvertOptions(strings_can_be_null=True)
            table = pyarrow.csv.read_csv(io.BytesIO(written), convert_options=options)
        case TableFormat.ARROW:
            table = pa.ipc.open_file(written).read_all()
        case TableFormat.PARQUET:
            table = pyarrow.parquet.ParquetFile(io.BytesIO(written)).read(use_threads=False)
    rows: list[dict[str, object]] = table.to_pylist()
    return rows
