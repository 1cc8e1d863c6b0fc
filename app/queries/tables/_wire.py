"""Tables as JSON carries them: what a browser's numbers cannot hold travels as text."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.model.guest import PAGE_SHIFT

DIGITS = 16
"""Of a 64-bit number in hex."""
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)


def hex_column(column: pa.Array) -> pa.Array:
    """Unsigned integers as "0x..."; null stays null."""
    numbers = np.asarray(pc.fill_null(column, 0)).astype(np.uint64)
    shifts = np.arange(DIGITS - 1, -1, -1, dtype=np.uint64) * np.uint64(4)
    digits = (numbers[:, np.newaxis] >> shifts) & np.uint64(15)
    is_shown = np.maximum.accumulate(digits != 0, axis=1)
    is_shown[:, -1] = True
    texts = np.empty((len(numbers), 2 + DIGITS), np.uint8)
    texts[:, :2], texts[:, 2:] = (ord("0"), ord("x")), _HEX[digits]
    is_shown = np.hstack([np.ones((len(numbers), 2), np.bool_), is_shown])
    ends = np.concatenate([[0], np.cumsum(is_shown.sum(axis=1))]).astype(np.int32)
    made = pa.StringArray.from_buffers(
        len(numbers), pa.py_buffer(ends), pa.py_buffer(texts[is_shown])
    )
    return pc.if_else(column.is_valid(), made, pa.scalar(None, pa.string()))


def with_wire_forms(events: pa.RecordBatch) -> pa.RecordBatch:
    """Events with `gpa` in hex in place of `address`, and `clock_ns` and `aux` as text."""
    forms = {
        "address": ("gpa", hex_column),
        "clock_ns": ("clock_ns", lambda column: pc.cast(column, pa.string())),
        "aux": ("aux", hex_column),
    }
    columns = {}
    for name in events.schema.names:
        wire_name, form = forms.get(name, (name, lambda column: column))
        columns[wire_name] = form(events.column(name))
    return pa.RecordBatch.from_pydict(columns)


def with_gpa(runs: pa.RecordBatch) -> pa.RecordBatch:
    """Runs with their address in hex as well."""
    gpa = hex_column(pc.shift_left(runs.column("gfn"), pa.scalar(PAGE_SHIFT, pa.uint64())))
    return runs.add_column(2, "gpa", gpa)
