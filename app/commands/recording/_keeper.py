"""What goes of the database while a recording is under way."""

import time
from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Self

from app.queries.retention import Gone, Keeping, Limits
from app.store.errors import StoreError
from app.store.read import Reader

if TYPE_CHECKING:
    from sqlalchemy import Engine

LOOK_S = 5.0
CACHE_BYTES = 32 << 20


class Keeper:
    """A thread beside the recorder that keeps the database within its limits. Whatever befalls it,
    the recording goes on, and it tries again."""

    def __init__(self, engine: "Engine", limits: Limits, print_line: Callable[[str], None]) -> None:
        self._keeping = Keeping(Reader(engine, CACHE_BYTES), limits, time.time_ns)
        self._print_line = print_line
        self._said = ""
        self._stop = Event()
        self._thread = Thread(target=self._run, name="retention", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """What is not done is done by the next one."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                self._look()
            except StoreError as error:
                self._say(f"nothing can be let go of the database now: {error}")
            if self._stop.wait(LOOK_S):
                return

    def _look(self) -> None:
        gone = Gone()
        for gone_so_far in self._keeping.steps():
            if self._stop.is_set():
                return
            gone = gone_so_far
        if gone.is_too_large:
            self._say("the database is larger than --keep-size, and nothing is left that may go")
        elif gone.groups:
            self._say(
                f"{gone.groups} stretches of old events were let go ({gone.detail_bytes >> 20} MiB)"
            )
        else:
            self._said = ""

    def _say(self, line: str) -> None:
        """Once, as long as it is so."""
        if line != self._said:
            self._print_line(line)
        self._said = line
