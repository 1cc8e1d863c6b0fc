"""Streams of record batches as files: JSON lines, CSV, Arrow, Parquet."""

import io
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import pyarrow as pa

from app.queries.choices import TableFormat
from app.queries.tables._json_rows import json_rows

if TYPE_CHECKING:
    from typing_extensions import Buffer

import pyarrow.compute as pc

BEGINS_A_FORMULA = "^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
"""The last four are full-width forms, which some take for the plain ones."""


def as_plain_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows; cells of text that begin a formula begin with an apostrophe instead."""
    columns = [_plain(column) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _plain(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        return pa.DictionaryArray.from_arrays(column.indices, _plain(column.dictionary))
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    risky = pc.match_substring_regex(column, BEGINS_A_FORMULA)
    if not pc.any(risky).as_py():
        return column
    ends = [pa.scalar(text, column.type) for text in ("'", "")]
    return pc.if_else(risky, pc.binary_join_element_wise(ends[0], column, ends[1]), column)


class Sink(io.RawIOBase):
    """Where the writers put bytes: passes them on and counts them, so a pipe needs no seeking."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._written = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._written

    def write(self, chunk: "Buffer") -> int:
        written = bytes(chunk)
        self._write(written)
        self._written += len(written)
        return len(written)


class TableWriter(Protocol):
    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> object: ...

    def write_batch(self, batch: pa.RecordBatch) -> None: ...


class JsonLinesWriter:
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write_batch(self, batch: pa.RecordBatch) -> None:
        self._sink.write(json_rows(batch))


class CsvWriter:
    """Arrow's CSV writer knows no dictionary columns, so their names are written out."""

    def __init__(self, sink: Sink, schema: pa.Schema) -> None:
        from pyarrow import csv

        self._schema = pa.schema([(field.name, plain_type(field.type)) for field in schema])
        options = csv.WriteOptions(quoting_style="needed")
        self._writer = csv.CSVWriter(sink, self._schema, write_options=options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def write_batch(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(as_plain_text(batch).cast(self._schema))


def plain_type(column_type: pa.DataType) -> pa.DataType:
    return column_type.value_type if pa.types.is_dictionary(column_type) else column_type


def open_writer(table_format: TableFormat, sink: Sink, schema: pa.Schema) -> TableWriter:
    match table_format:
        case TableFormat.JSONL:
            return JsonLinesWriter(sink)
        case TableFormat.CSV:
            return CsvWriter(sink, schema)
        case TableFormat.ARROW:
            arrow: TableWriter = pa.ipc.new_file(sink, schema)
            return arrow
        case TableFormat.PARQUET:
            from pyarrow.parquet import ParquetWriter

            parquet: TableWriter = ParquetWriter(sink, schema, compression="zstd")
            return parquet


def write_table(
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    table_format: TableFormat,
    write: Callable[[bytes], object],
) -> None:
    """Write batches as they come; nothing but the current batch is held."""
    with open_writer(table_format, Sink(write), schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def table_chunks(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, table_format: TableFormat
) -> Iterator[bytes]:
    """Yield the bytes of a file batch by batch, for a streamed answer."""
    pending: list[bytes] = []
    with open_writer(table_format, Sink(pending.append), schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield b"".join(pending)
            pending.clear()
    yield b"".join(pending)
