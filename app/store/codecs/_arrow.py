"""Columns of integers as one Arrow record batch, compressed; any Arrow library can read them.

A column whose values all fit a byte is one uint8 column. A wider one is stored as its little-endian
bytes, each byte position a uint8 column of its own ("gfn.0", "gfn.1", ...): bytes of one rank
resemble each other, so zstd saves about a fifth against whole integers. Signed values are
zigzagged first (0, -1, 1, -2 become 0, 1, 2, 3).
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.ipc

_ZSTD = pa.Codec("zstd", compression_level=1)
_READ = pa.ipc.IpcReadOptions(use_threads=False)
_WRITE = pa.ipc.IpcWriteOptions(compression=_ZSTD, use_threads=False)

N = TypeVar("N", bound=np.integer[Any])
Unsigned = npt.NDArray[np.uint64]
Signed = npt.NDArray[np.int64]
Rows = Signed | slice
ALL_ROWS = slice(None)


def write_batch(columns: Mapping[str, pa.Array]) -> bytes:
    """One record batch as an Arrow IPC stream whose buffers are compressed by zstd."""
    batch = pa.record_batch(list(columns.values()), names=list(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=_WRITE) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def read_batch(blob: bytes, names: Iterable[str] | None = None) -> pa.RecordBatch:
    """The batch of a blob; only the named columns (with all their bytes) are decompressed."""
    if names is None:
        return _only_batch(pa.ipc.open_stream(blob, options=_READ))
    wanted = set(names)
    fields = pa.ipc.open_stream(blob).schema.names
    indices = [i for i, field in enumerate(fields) if field.partition(".")[0] in wanted]
    options = pa.ipc.IpcReadOptions(included_fields=indices, use_threads=False)
    return _only_batch(pa.ipc.open_stream(blob, options=options))


def _only_batch(stream: pa.ipc.RecordBatchStreamReader) -> pa.RecordBatch:
    """Reading does not look whether buffers are as long as the rows are many, nor for nulls."""
    batch = next(iter(stream), None)
    if batch is None:
        raise ValueError("a blob without a batch")
    batch.validate()
    if any(column.null_count for column in batch.columns):
        raise ValueError("a value is missing")
    return batch


def split(name: str, values: npt.NDArray[np.generic]) -> dict[str, pa.Array]:
    """Unsigned integers as their byte columns."""
    # Bytes stay bytes: most columns of events are such, and eight times as wide they cost as much.
    is_narrow = values.dtype.kind == "u" and values.dtype.itemsize < 8
    wide = np.ascontiguousarray(values, dtype=values.dtype if is_narrow else "<u8")
    highest = int(wide.max()) if len(wide) else 0
    if highest < 1 << 8:
        return {name: pa.array(wide.astype(np.uint8, copy=False))}
    planes = wide.view(np.uint8).reshape(-1, wide.itemsize)
    count = (highest.bit_length() + 7) // 8
    return {f"{name}.{i}": pa.array(planes[:, i].copy()) for i in range(count)}


def join(batch: pa.RecordBatch, name: str, rows: Rows = ALL_ROWS) -> Unsigned:
    """The unsigned integers that `split` took apart, of these rows."""
    if name in batch.schema.names:
        return np.asarray(batch.column(name))[rows].astype(np.uint64)
    count = batch.num_rows if isinstance(rows, slice) else len(rows)
    planes = np.zeros((count, 8), dtype=np.uint8)
    for i in range(8):
        if f"{name}.{i}" not in batch.schema.names:
            break
        planes[:, i] = np.asarray(batch.column(f"{name}.{i}"))[rows]
    return planes.view("<u8").reshape(-1)


def narrowed(values: npt.NDArray[np.integer[Any]], kind: type[N]) -> npt.NDArray[N]:
    """Raises ValueError if some value does not fit."""
    narrow = values.astype(kind)
    if (narrow != values).any():
        raise ValueError(f"a value does not fit {kind.__name__}")
    return narrow


def zigzag(values: npt.NDArray[np.generic]) -> Unsigned:
    wide = values.astype(np.int64)
    zigzagged = wide << 1
    wide >>= 63
    zigzagged ^= wide
    return zigzagged.view(np.uint64)


def unzigzag(values: Unsigned) -> Signed:
    # In place: arrays of this size are given back to the system, and asked of it anew, each time.
    signs = values & np.uint64(1)
    np.negative(signs, out=signs)
    signs ^= values >> np.uint64(1)
    return signs.view(np.int64)
