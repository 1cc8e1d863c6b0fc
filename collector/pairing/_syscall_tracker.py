"""RECORD batches -> CALL batches in order of effect time, in bounded memory."""

import numpy as np
import numpy.typing as npt

from app.compiled import hot_in_place, whole
from collector.codes import CallCode
from collector.kvm.catalogue import EVENTS, VmBy
from collector.pairing import _state as s
from collector.pairing._calls import abandon
from collector.pairing._loop import pair
from collector.pairing._rows import find_thread
from collector.pairing._state import Met, Rows, Tables
from collector.records import CALL, RECORD, SIGNED_CALL, SIGNED_RECORD, CallArray, RecordArray


@hot_in_place
def oldest_open(threads: Rows) -> int:
    """Since when the oldest call of ours has been waiting for its exit; 2^62 if none is."""
    oldest = 1 << 62
    for at in range(len(threads)):
        thread = threads[at]
        if thread.tid != 0 and thread.code != 0 and thread.code != s.OTHER:
            returned = thread.met & Met.RETURN
            oldest = min(oldest, thread.ts_ret if returned else thread.ts_enter)
    return oldest


@hot_in_place
def sweep(tables: Tables, before: int) -> None:
    """Write down open calls whose return is known from below, and those entered `before`.

    The latter stay unconfirmed even if their exit comes after all. There is room for all threads.
    """
    for at in range(len(tables.threads)):
        thread = tables.threads[at]
        if thread.tid == 0 or thread.code == 0 or thread.code == s.OTHER:
            continue
        if thread.met & Met.RETURN:
            abandon(tables, thread)
        elif thread.ts_enter < before:
            abandon(tables, thread)
            thread.code, thread.met = s.OTHER, Met.SYS_ENTER


MOST_HELD_CALLS = 1 << 19
"""Calls kept waiting for one that does not return; beyond that it is given up as unconfirmed."""

_FIRST_CAPACITY = 1 << 10
_OBSERVED = np.zeros(256, s.OBSERVED)
for _event in EVENTS:
    for _call in _event.calls:
        if _call.copies:
            _row = _OBSERVED[_event.code]
            _row["code"], _row["count"], _row["vcpu"] = _call.code, len(_call.copies), _call.vcpu
            _row["copies"][: len(_call.copies)] = _call.copies
            _row["of_vcpu"] = _call.vm_by is VmBy.VCPU
_NEVER = 1 << 62


class SyscallTracker:
    """The pairing of one recording; state is carried across batches of any size."""

    def __init__(self) -> None:
        self._threads = np.zeros(_FIRST_CAPACITY, s.THREAD)
        self._shared = np.zeros(1, s.SHARED)
        self._shared["gaps_passed"] = 1
        self._gaps = np.zeros(s.CPUS, s.GAPS)
        self._held = np.zeros(0, dtype=CALL)
        self._last_ts = 0
        self._ended: set[int] = set()  # threads, since the table was made anew
        self._given_to = np.uint64(0)
        self._waited_to = 0  # for returns after gaps that ended before

    def expect_userspace_exits(self) -> None:
        """kvm_userspace_exit is recorded, even where no thread has come to one yet."""
        self._shared["has_userspace_exits"] = 1

    def add(self, records: RecordArray) -> CallArray:
        """Take the next records, in order of time; returns the calls whose order is settled.

        The records may be changed: 32-bit values in them are sign-extended.
        """
        rows = np.ascontiguousarray(records, dtype=RECORD).view(SIGNED_RECORD)
        if len(rows) and not self._last_ts:
            self._shared["last_gap_end"] = rows["ts"][0]
        held = len(self._held)
        calls = np.empty(held + len(rows) + s.MOST_CALLS, CALL)
        whole(calls)[:held] = whole(self._held)
        self._shared["calls"] = held
        at = 0
        while at < len(rows):
            at = pair(self._tables(calls), rows, at)
            if at < len(rows):
                if self._count + s.MOST_CALLS > len(calls):
                    calls = _joined(calls[: self._count], np.empty_like(calls))
                else:
                    self._note_ends(calls[: self._count])
                    self._make_room()
        if len(rows):
            self._last_ts = int(rows["ts"][-1])
        calls = calls[: self._count]
        self._note_ends(calls)
        if not self._shared["has_ioctl_exits"][0]:
            calls = _joined(calls, self._swept(0))
        return self._settled(calls)

    def _tables(self, calls: CallArray) -> s.Tables:
        """`calls` is where calls are written to."""
        signed = calls.view(SIGNED_CALL)
        return s.Tables(self._threads, self._shared, self._gaps, _OBSERVED, signed)

    @property
    def _count(self) -> int:
        """Of the calls that were written."""
        return int(self._shared["calls"][0])

    @property
    def open_since(self) -> int:
        """Since when calls wait for the return of one; far away if they do not."""
        return min(int(oldest_open(self._threads)), self._gap_waited_for)

    @property
    def _gap_waited_for(self) -> int:
        """The end of the last gap, while calls of the time after it may still prove doubtful."""
        shared = self._shared[0]
        if shared["gaps_passed"] == 1 or shared["open_gaps"] > 0:
            return _NEVER
        end = int(shared["last_gap_end"])
        is_over = self._last_ts >= end + s.IN_FLIGHT_NS or end < self._waited_to
        return _NEVER if is_over else end

    def give_up(self, before: int) -> CallArray:
        """Leave calls unconfirmed that were entered `before` and still did not return.

        Returns the calls whose order that settles.
        """
        if self.open_since >= before:
            return self._held[:0]
        self._waited_to = before
        return self._settled(_joined(self._held, self._swept(before)))

    def finish(self) -> CallArray:
        """The recording is over: what is still open stays unconfirmed."""
        calls = _joined(self._held, self._swept(_NEVER))
        self._move_late(calls)
        calls, _ = _in_order(calls)
        self._held = calls[:0]
        return calls

    def _settled(self, calls: CallArray) -> CallArray:
        horizon = self.open_since
        if len(calls) > MOST_HELD_CALLS:
            calls = _joined(calls, self._swept(self._last_ts))
            horizon = _NEVER
        self._move_late(calls)
        calls, ends = _in_order(calls)
        # A call that returns at the very time of the oldest entry may still come after it.
        count = int(np.searchsorted(ends, np.uint64(horizon)))
        self._held = whole(calls)[count:].copy().view(CALL)
        if count:
            self._given_to = ends[count - 1]
        return calls[:count]

    def _move_late(self, calls: CallArray) -> None:
        """What was given already stands before what a late return makes doubtful."""
        late = calls["code"] == CallCode.LATE_RETURN
        if late.any():
            for name in ("ts_enter", "ts_exit"):
                calls[name][late] = np.maximum(calls[name][late], self._given_to)

    def _swept(self, before: int) -> CallArray:
        calls = np.empty(len(self._threads), CALL)
        self._shared["calls"] = 0
        sweep(self._tables(calls), before)
        return calls[: self._count].copy()

    def _note_ends(self, calls: CallArray) -> None:
        """Threads come and go, of the whole host: what ended needs no row."""
        tasks = calls[np.isin(calls["code"], (CallCode.NEW_TASK, CallCode.PROCESS_EXIT))]
        ends = tasks["code"] == CallCode.PROCESS_EXIT
        lately = dict(zip(tasks["v"][:, 0].tolist(), ends.tolist(), strict=True))
        self._ended.difference_update(lately)
        self._ended.update(tid for tid, has_ended in lately.items() if has_ended)

    def _make_room(self) -> None:
        """Take the threads that ended out of the table, and double it if it is rather full yet."""
        old = self._threads
        rows: npt.NDArray[np.void] = old[old["tid"] != 0]
        ended = np.fromiter(self._ended, np.int64, len(self._ended))
        is_idle = (rows["code"] == 0) | (rows["code"] == s.OTHER)
        rows = rows[~(is_idle & np.isin(rows["tid"] - 1, ended))]
        self._ended.clear()
        is_full = 4 * len(rows) > len(old)
        self._threads = np.zeros(len(old) << is_full, s.THREAD)
        self._shared["threads"] = 0
        for row in rows:
            at = find_thread(self._threads, self._shared, int(row["tid"]) - 1)
            self._threads[at] = row


def _joined(*calls: CallArray) -> CallArray:
    return np.concatenate([whole(some) for some in calls]).view(CALL)


def _in_order(calls: CallArray) -> tuple[CallArray, npt.NDArray[np.uint64]]:
    """Sorted by effect time, and these; calls of the same time keep their order."""
    ends = np.ascontiguousarray(calls["ts_exit"])
    if (ends[1:] >= ends[:-1]).all():
        return calls, ends
    order = np.argsort(ends, kind="stable")
    return np.take(calls, order), ends[order]
