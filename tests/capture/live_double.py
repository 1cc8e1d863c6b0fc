"""A live source that gives what a test says, when it says it."""

import time
from collections.abc import Callable, Iterator, Sequence
from threading import Event
from types import TracebackType
from typing import Self

import numpy as np

from collector.capture.live import LiveBatch
from collector.codes import SAW_ENTER, SAW_EXIT, SAW_STRUCT, CallCode
from collector.coverage import Capability
from collector.description import SourceDescription
from collector.records import CALL, CallArray

START_NS = 1_000_000
TID, VM_FD = 70, 5


def call(
    code: CallCode, ts: int, *, fd: int = VM_FD, ret: int = 0, v: Sequence[int] = ()
) -> CallArray:
    """One call of thread TID that returned at `ts`, ns after the recording's start."""
    one = np.zeros(1, CALL)
    one["ts_enter"], one["ts_exit"] = START_NS + ts - 10, START_NS + ts
    one["tid"] = one["tgid"] = TID
    one["code"], one["fd"], one["ret"] = code, fd, ret
    one["flags"] = SAW_ENTER | SAW_EXIT | SAW_STRUCT
    one["v"][0, : len(v)] = v
    return one


def created_vm(ts: int) -> CallArray:
    return call(CallCode.CREATE_VM, ts, fd=4, ret=VM_FD)


def conversion(ts: int, page: int, *, ret: int = 0) -> CallArray:
    return call(CallCode.SET_ATTRIBUTES, ts, ret=ret, v=(page << 12, 4096, 8))


def loss(begin: int, end: int, count: int) -> CallArray:
    both = np.concatenate((call(CallCode.LOSS_BEGIN, begin), call(CallCode.LOSS_END, end)))
    both["tid"] = both["tgid"] = 0
    both["fd"], both["flags"] = -1, 0
    both["v"][:, 0] = count
    both["v"][0, 1], both["v"][1, 1] = START_NS + end, START_NS + begin
    return both


class LiveDouble:
    """A LiveSource: one batch of each array given, with the time that is reached by it."""

    def __init__(
        self,
        batches: Sequence[tuple[CallArray, int]],
        before_each: Callable[[], None] = lambda: None,
    ) -> None:
        self._batches = batches
        self._before_each = before_each
        self.bytes_read = 0

    def describe(self) -> SourceDescription:
        return SourceDescription(
            format="double",
            clock="mono",
            clock_start_ns=START_NS,
            host="testhost",
            kernel_release="6.0",
            sees={Capability.VM_CREATION: True, Capability.CONVERSIONS: True},
            wall_start_ns=time.time_ns(),
        )

    def event_counts(self) -> tuple[dict[str, int], dict[str, int]]:
        return {}, {}

    def start(self, stop: Event) -> None:
        pass

    def batches(self, stop: Event) -> Iterator[LiveBatch]:
        for calls, reached in self._batches:
            if stop.is_set():
                return
            self._before_each()
            self.bytes_read += calls.nbytes
            yield LiveBatch(calls, START_NS + reached)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass
