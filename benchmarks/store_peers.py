"""What people would do without segments: one SQLite row per event, GROUP BY, an interval map."""

import bisect
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.model.events import EventArray, effect_time
from app.model.guest import Outcome, PageState

_CREATE = """
CREATE TABLE conversion (
    vm_id INT, t INT, seq INT, latency_ns INT, gfn INT, npages INT, effective_pages INT,
    tid INT, vcpu INT, errno INT, "to" INT, outcome INT, cause INT,
    PRIMARY KEY (vm_id, t, seq)
) WITHOUT ROWID
"""
_COLUMNS = (
    "latency_ns",
    "gfn",
    "npages",
    "effective_pages",
    "tid",
    "vcpu",
    "errno",
    "to",
    "outcome",
    "cause",
)


class Rows:
    """One row per event, in the order in which it is read; 50,000 to a transaction."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute(_CREATE)
        self._seq = 0

    def append(self, events: EventArray) -> None:
        times = effect_time(events).tolist()
        seqs = range(self._seq, self._seq + len(events))
        ones = [1] * len(events)
        rows = zip(ones, times, seqs, *(events[name].tolist() for name in _COLUMNS), strict=True)
        marks = ", ".join("?" * (3 + len(_COLUMNS)))
        self._connection.execute("BEGIN")
        self._connection.executemany(f"INSERT INTO conversion VALUES ({marks})", rows)
        self._connection.execute("COMMIT")
        self._seq += len(events)

    def close(self) -> None:
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    def raster(
        self, t_edges: npt.NDArray[np.int64], first_gfn: int, end_gfn: int, height: int
    ) -> npt.NDArray[np.uint32]:
        """Conversions by the cell in which they begin: the nearest that SQL comes to a raster."""
        t_from, t_to, width = int(t_edges[0]), int(t_edges[-1]), len(t_edges) - 1
        query = f"""
            SELECT (gfn - {first_gfn}) * {height} / {end_gfn - first_gfn} AS row,
                   (t - {t_from}) * {width} / {t_to - t_from} AS col, count(*)
            FROM conversion
            WHERE vm_id = 1 AND t >= {t_from} AND t < {t_to}
              AND gfn >= {first_gfn} AND gfn < {end_gfn}
            GROUP BY 1, 2
        """
        counts = np.zeros((height, width), np.uint32)
        for row, column, count in self._connection.execute(query):
            counts[row, column] = count
        return counts

    def state_at(self, t: int) -> list[tuple[int, int]]:
        """Private runs (gfn, npages) at t: all conversions up to it, on an interval map."""
        query = 'SELECT gfn, npages, "to", outcome FROM conversion WHERE vm_id = 1 AND t <= ?'
        return private_runs(self._connection.execute(query, (t,)))


def private_runs(conversions: Iterable[tuple[int, int, int, int]]) -> list[tuple[int, int]]:
    """Sorted borders at which the state flips; everything is shared at first."""
    borders: list[int] = []
    for gfn, npages, to, outcome in conversions:
        if outcome != Outcome.APPLIED:
            continue
        first, end = bisect.bisect_left(borders, gfn), bisect.bisect_right(borders, gfn + npages)
        is_private = to == PageState.PRIVATE
        replaced = [gfn] if (first & 1) != is_private else []
        replaced += [gfn + npages] if (end & 1) != is_private else []
        borders[first:end] = replaced
    return [(first, end - first) for first, end in zip(borders[::2], borders[1::2], strict=True)]
