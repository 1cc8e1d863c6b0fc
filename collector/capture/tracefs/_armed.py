"""An instance that records over what it recorded, which nobody reads until there is a reason to."""

import time
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import numpy as np

from collector.capture.live import LiveOptions, SourceEnded
from collector.capture.tracefs._counter import ConversionCounter
from collector.capture.tracefs._held import Held
from collector.capture.tracefs._instance import TracefsInstance
from collector.capture.tracefs._live import TracefsLive
from collector.pairing import SyscallTracker
from collector.records import RECORD

CHECK_S = 10.0
"""Looking whether all its events are on still walks through all of the kernel's."""


class TracefsArmed:
    """An ArmedSource."""

    def __init__(self, options: LiveOptions) -> None:
        """Raises HostCannot."""
        self._options = options
        self._checked = time.monotonic()
        with ExitStack() as undo:
            self._instance = TracefsInstance(options)
            undo.callback(self._instance.remove)
            self._counter = ConversionCounter(options.pids)
            undo.callback(self._counter.remove)
            SyscallTracker().add(np.zeros(1, RECORD))  # compiled before there is anything to read
            self._since = Held.begun(self._instance).since
            self._undo = undo.pop_all()

    def conversions(self) -> int:
        """Asked for since it was made, or more. Raises SourceEnded."""
        if time.monotonic() - self._checked >= CHECK_S:
            self._checked = time.monotonic()
            problem = self._instance.problem() or self._counter.problem
            if problem is not None:
                raise SourceEnded(problem)
        return self._counter.count()

    def take(self) -> TracefsLive:
        """A source that begins with what the buffers hold. Raises HostCannot, SourceEnded."""
        return TracefsLive(self._options, Held.of(self._instance, self._since))

    def rearm(self) -> None:
        """Once a source that was taken is closed: its instance records anew. Raises SourceEnded."""
        try:
            self._instance.stop()
            self._instance.clear()
            self._since = Held.begun(self._instance).since
        except OSError as error:
            raise SourceEnded(f"{self._instance.path.name} cannot be armed: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._undo.close()
