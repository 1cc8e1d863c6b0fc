"""Threads and processes of a whole host come and go: what ended leaves nothing behind."""

import numpy as np
import pytest

from collector.assemble.identity import Processes
from collector.capture.tracefs import _threads as tracefs_threads
from collector.capture.tracefs._threads import Threads
from collector.codes import CallCode, RecordCode
from collector.kvm.uapi import CLONE_THREAD, KVM_RUN
from collector.pairing import SyscallTracker
from collector.records import RecordArray
from tests.assemble.record_streams import record

TASKS, PER_BATCH = 20_000, 500
FIRST = 1000


def life(tid: int, ts: int) -> RecordArray:
    """A process that closes a descriptor and ends."""
    return np.concatenate(
        (
            record(ts, 1, RecordCode.NEW_TASK, tid, 0),
            record(ts + 1, tid, RecordCode.CLOSE_ENTER, 3),
            record(ts + 2, tid, RecordCode.CLOSE_EXIT, 0),
            record(ts + 3, tid, RecordCode.PROCESS_EXIT, tid, 1),
        )
    )


@pytest.mark.parametrize("per_batch", [PER_BATCH, TASKS])
def test_the_thread_table_is_as_large_as_many_threads_live(per_batch: int) -> None:
    """A row is 248 bytes, and all rows are looked through several times a second."""
    pairing, found = SyscallTracker(), 0
    keeper = record(1, 7, RecordCode.IOCTL_ENTER, 5, KVM_RUN, 0)  # which goes on
    pairing.add(keeper)
    one = life(0, 0)
    for first in range(0, TASKS, per_batch):
        tids = FIRST + np.repeat(np.arange(first, first + per_batch), len(one))
        records = np.tile(one, per_batch)
        records["ts"] += 10 + 10 * tids.astype(np.uint64)
        is_task = np.isin(records["code"], (RecordCode.NEW_TASK, RecordCode.PROCESS_EXIT))
        records["v"][is_task, 0] = tids[is_task]
        own = records["code"] != RecordCode.NEW_TASK
        records["tid"][own] = tids[own]
        calls = pairing.add(records)
        found += int((calls["code"] == CallCode.CLOSE).sum())
        assert len(pairing._threads) <= 8 * max(per_batch, 1024)
    assert found == TASKS, "each close was paired"
    if per_batch < TASKS:
        assert len(pairing._threads) <= 4096


def test_a_thread_whose_number_is_given_anew_keeps_its_row() -> None:
    pairing = SyscallTracker()
    pairing.add(np.concatenate((life(FIRST, 10), life(FIRST, 20)[:2])))
    pairing._make_room()
    (call,) = pairing.add(record(30, FIRST, RecordCode.CLOSE_EXIT, 0))
    assert (call["code"], call["fd"], call["ts_enter"]) == (CallCode.CLOSE, 3, 21)


def test_a_process_that_ended_takes_its_threads_along() -> None:
    processes = Processes({})
    for process in range(FIRST, FIRST + 100):
        processes.cloned(1, process, 0)
        processes.cloned(process, process + 1000, CLONE_THREAD)
        processes.cloned(process, process + 2000, CLONE_THREAD)
        processes.exited(process + 1000, 0)
        assert processes.exited(process, 1) == process, "one thread's end was not recorded"
    kept = (processes._process_of, processes._threads, processes._proven, processes._whole)
    assert not any(kept)


def test_names_of_threads_that_ended_are_kept_until_their_vms_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracefs_threads, "_group_of", lambda tid: tid)
    monkeypatch.setattr(tracefs_threads, "_saved_names", lambda root: {FIRST: "qemu"})
    threads, pairing = Threads(), SyscallTracker()
    calls = pairing.add(np.concatenate((life(FIRST, 10), life(FIRST + 1, 20)[:1])))
    calls = calls.copy()
    calls["code"][calls["code"] == CallCode.CLOSE] = CallCode.CREATE_VM
    threads.complete(calls)
    assert threads.command_names == {FIRST: "qemu"}
    threads.complete(pairing.add(life(FIRST + 2, 40)))
    assert threads.command_names == {}
