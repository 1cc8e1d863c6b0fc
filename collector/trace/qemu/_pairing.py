"""Rows of a QEMU log -> batches of CALLs in order of effect time, in bounded memory."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.compiled import whole
from collector.pairing import state as s
from collector.records import CALL, SIGNED_RECORD, CallArray, RecordArray
from collector.trace.qemu._loop import pair
from collector.trace.qemu._memslots import end_set_up
from collector.trace.qemu._requests import give_up_before
from collector.trace.qemu._state import SetUp, empty_tables

_CALLS = 1 << 15
_LONGEST_WAIT = 1 << 16
"""Rows for which a conversion may wait to be confirmed."""
_AFTER_ALL = 1 << 62


class _Numbered(NamedTuple):
    """Calls, and the lines of the log that settled them."""

    calls: CallArray
    seqs: npt.NDArray[np.int64]


class QemuPairing:
    """Of one log; state is carried across batches of any size."""

    def __init__(self) -> None:
        self._tables = empty_tables(_CALLS)
        self._held: list[_Numbered] = [_Numbered(np.zeros(0, CALL), np.zeros(0, np.int64))]

    def add(self, records: RecordArray) -> CallArray:
        """Take the next rows; returns the calls whose order is settled."""
        rows = records.view(SIGNED_RECORD)
        at = 0
        while at < len(rows):
            at = pair(self._tables, rows, at)
            self._hold()
        give_up_before(self._tables, int(self._tables.shared["seq"][0]) - _LONGEST_WAIT)
        self._hold()
        return self._settled()

    def finish(self) -> CallArray:
        """The log is over: what still waits stays unconfirmed."""
        give_up_before(self._tables, _AFTER_ALL)
        if self._set_up_is_called:
            end_set_up(self._tables, s.ENTERED)
        self._hold()
        return self._settled()

    @property
    def _set_up_is_called(self) -> bool:
        return bool(self._tables.shared["set_up"][0] == SetUp.CALLED)

    def _hold(self) -> None:
        """Take what was written out of the tables."""
        count = int(self._tables.shared["calls"][0])
        calls = self._tables.calls[:count].view(CALL)
        self._held.append(_Numbered(calls.copy(), self._tables.seqs[:count].copy()))
        self._tables.shared["calls"] = 0

    def _settled(self) -> CallArray:
        """Nothing is to come any more that takes effect before what waits was asked for."""
        waiting = np.concatenate([whole(held.calls) for held in self._held])
        seqs = np.concatenate([held.seqs for held in self._held])
        order = np.lexsort((seqs, waiting.view(CALL)["ts_exit"]))
        calls, seqs = waiting[order].view(CALL), seqs[order]
        count = len(calls)
        if (since := self._waiting_since) is not None:
            count = int(np.searchsorted(calls["ts_exit"], np.uint64(since)))
        self._held = [_Numbered(calls[count:], seqs[count:])]
        return calls[:count]

    @property
    def _waiting_since(self) -> int | None:
        tables = self._tables
        since = [int(tables.waiting["ts"][0])] if tables.shared["waiting"][0] else []
        if self._set_up_is_called:
            since.append(int(tables.set_up["ts"][0]))
        return min(since, default=None)
