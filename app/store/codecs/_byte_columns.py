"""Rows of many record batches as one table of byte columns, to be taken apart in another order."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from app.store.codecs._arrow import Signed

Bytes = npt.NDArray[np.uint8]


class ByteColumns:
    """Columns of integers as `split` makes them: each its bytes, those of the lowest rank first."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._batches: list[tuple[int, dict[str, list[Bytes]]]] = []

    def add(self, batch: pa.RecordBatch, rows: Signed) -> None:
        """Some rows of a batch, behind those that are there."""
        planes: dict[str, list[Bytes]] = {name: [] for name in self._names}
        for field in sorted(batch.schema.names):  # a column's bytes are up to eight
            name = field.partition(".")[0]
            if name in planes:
                planes[name].append(np.asarray(batch.column(field))[rows])
        self._batches.append((len(rows), planes))

    def reordered(self, order: Signed) -> "dict[str, list[Bytes]]":
        """All columns, so that row i is the one that was added as number order[i]. They are here no
        longer: there is never room for all of them twice."""
        return {name: [plane[order] for plane in self._planes(name)] for name in self._names}

    def _planes(self, name: str) -> list[Bytes]:
        parts = [(rows, planes.pop(name)) for rows, planes in self._batches]
        count = max(len(planes) for _, planes in parts)
        return [
            np.concatenate(
                [
                    planes[rank] if rank < len(planes) else np.zeros(rows, np.uint8)
                    for rows, planes in parts
                ]
            )
            for rank in range(count)
        ]


def cut(columns: dict[str, list[Bytes]], rows: slice) -> dict[str, pa.Array]:
    """Some rows as `split` would make them: without bytes that are zero in each."""
    found = {}
    for name, planes in columns.items():
        parts = [plane[rows] for plane in planes]
        while len(parts) > 1 and not parts[-1].any():
            parts.pop()
        if len(parts) == 1:
            found[name] = pa.array(parts[0])
        else:
            found |= {f"{name}.{rank}": pa.array(part) for rank, part in enumerate(parts)}
    return found
