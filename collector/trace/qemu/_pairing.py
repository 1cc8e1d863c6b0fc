"""Rows of a QEMU log -> batches of CALLs in order of effect time, in bounded memory."""

import numpy as np
import numpy.typing as npt

from collector.pairing import state as s
from collector.records import CALL, CallArray, RecordArray
from collector.trace.qemu import _calls as hot, _memory as qemu_memory

Words = npt.NDArray[np.int64]

_OUT_ROWS = 1 << 15
_LONGEST_WAIT = 1 << 16
"""Rows for which a conversion may wait to be confirmed."""


class QemuPairing:
    """Of one log; state is carried across batches of any size."""

    def __init__(self) -> None:
        self._waiting = np.zeros((hot.MOST_REQUESTS + 1, hot.REQUEST_WIDTH), np.int64)
        self._asked = np.zeros((hot.MOST_REQUESTS, hot.REQUEST_WIDTH), np.int64)
        self._slots = np.zeros((qemu_memory.MOST, qemu_memory.WIDTH), np.int64)
        self._shared = np.zeros(hot.SHARED_WIDTH, np.int64)
        self._vcpus = np.zeros((hot.VCPU_SLOTS, 2), np.int64)
        self._out = np.zeros((_OUT_ROWS, hot.OUT_WORDS), np.int64)
        self._held: Words = np.zeros((0, hot.OUT_WORDS), np.int64)

    def add(self, records: RecordArray) -> CallArray:
        """Take the next rows; returns the calls whose order is settled."""
        rows = records.view(np.int64).reshape(len(records), s.RECORD_WORDS)
        found: list[Words] = [self._held]
        at = 0
        while at < len(rows):
            at, count = hot.calls_of(
                rows,
                at,
                self._waiting,
                self._asked,
                self._slots,
                self._shared,
                self._vcpus,
                self._out,
            )
            found.append(self._out[:count].copy())
        oldest = int(self._shared[hot.ROWS]) - _LONGEST_WAIT
        found.append(self._given_up(oldest))
        return self._settled(np.concatenate(found))

    def finish(self) -> CallArray:
        """The log is over: what still waits stays unconfirmed."""
        found: list[Words] = [self._held, self._given_up(1 << 62)]
        if self._shared[hot.SETUP] == hot.SET_UP_CALLED:
            hot.set_up(self._shared, self._vcpus, self._out, 0, s.ENTERED)
            found.append(self._out[:1].copy())
        return self._settled(np.concatenate(found))

    def _given_up(self, before: int) -> Words:
        count = hot.give_up_old(self._waiting, self._shared, before, self._vcpus, self._out)
        return self._out[:count].copy()

    def _settled(self, words: Words) -> CallArray:
        """Nothing is to come any more that takes effect before what waits was asked for."""
        words = words[np.lexsort((words[:, hot.SEQ_AT], words[:, 1]))]
        horizon = [int(self._waiting[0, hot.TS])] if self._shared[hot.WAITING] else []
        if self._shared[hot.SETUP] == hot.SET_UP_CALLED:
            horizon.append(int(self._shared[hot.SETUP_TS]))
        count = int(np.searchsorted(words[:, 1], min(horizon))) if horizon else len(words)
        self._held = words[count:]
        calls = np.ascontiguousarray(words[:count, : s.CALL_WORDS])
        return calls.view(CALL).reshape(count)
