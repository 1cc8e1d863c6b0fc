"""Tables as JSON carries them: what a browser's numbers cannot hold travels as text."""

import pyarrow as pa
import pyarrow.compute as pc

from app.model.guest import PAGE_SHIFT


def hex_column(column: pa.Array) -> pa.Array:
    """Integers as "0x..."; null stays null."""
    texts = [None if number is None else hex(number) for number in column.to_pylist()]
    return pa.array(texts, pa.string())


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
