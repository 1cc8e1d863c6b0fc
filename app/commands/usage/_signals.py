"""Ending a command that runs on by itself: Ctrl-C or SIGTERM once, politely."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event
from types import FrameType


class SignalEvent(Event):
    """An event that a signal handler may set.

    threading.Event.set() takes a lock, and a handler runs in the main thread between any two of
    its steps: if that thread is just in wait() and holds the lock, it waits for itself for ever.
    Here nothing is locked: a byte in a pipe is what wakes those that wait.
    """

    def __init__(self) -> None:
        super().__init__()
        self._has_happened = False
        self._waiting, self._waking = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def is_set(self) -> bool:
        return self._has_happened

    def set(self) -> None:
        self._has_happened = True
        with suppress(OSError):  # closed, or full
            os.write(self._waking, b"\0")

    def wait(self, timeout: float | None = None) -> bool:
        if not self._has_happened:
            select.select([self._waiting], [], [], timeout)
        return self._has_happened

    def close(self) -> None:
        """Nobody waits any more."""
        waiting, waking = self._waiting, self._waking
        self._waiting = self._waking = -1  # lest a late byte goes into another file
        os.close(waking)
        os.close(waiting)


@contextmanager
def stopped_by_signals() -> Iterator[Event]:
    """An event that the first SIGINT or SIGTERM sets; a second one acts as it always does."""
    stop = SignalEvent()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def on_signal(number: int, frame: FrameType | None) -> None:
        restore()
        stop.set()

    for number in before:
        signal.signal(number, on_signal)
    try:
        yield stop
    finally:
        restore()
        stop.close()
