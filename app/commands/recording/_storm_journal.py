"""The journal of a recording: a line when a storm begins, and one when it has ended."""

from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Self

from app.queries.live import LiveStorm, LiveStorms, begun_line, ended_line, withdrawn_line
from app.queries.storms import IntervalView, Storms
from app.store.errors import NotKept
from app.store.read import Reader

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from app.store.schema import Vm

LOOK_S = 1.0
CACHE_BYTES = 32 << 20
MOST_COUNTED = 2_000_000
"""A storm of more events is not counted here: that would take the recorder's time for seconds."""


class StormJournal:
    """A thread beside the recorder that reads what was committed, once a second. Whatever befalls
    it, the recording goes on."""

    def __init__(
        self, engine: "Engine", print_line: Callable[[str], None], since_t: int = -1
    ) -> None:
        """`since_t`: where a recording is gone on with; what came up to then is no news."""
        self._reader = Reader(engine, CACHE_BYTES)
        self._live = LiveStorms(self._reader)
        self._storms = Storms(self._reader)
        self._print_line = print_line
        self._since_t = since_t
        self._known: dict[tuple[int, str], LiveStorm] = {}
        self._stop = Event()
        self._thread = Thread(target=self._run, name="storms", daemon=True)

    def __enter__(self) -> Self:
        """Before the recording begins: what is there already is no news of it."""
        self._live.look()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """The recording is finished: what was under way has ended."""
        self._stop.set()
        self._thread.join()

    def look(self) -> None:
        """Print what is news since the last look."""
        self._live.look()
        now = {(storm.vm_id, storm.id): storm for storm in self._live.all()}
        for which, storm in now.items():
            before = self._known.get(which)
            vm = self._reader.vm(storm.vm_id)
            if before is None and storm.from_t > self._since_t:
                self._print_line(begun_line(vm, storm))
            is_news = before is None or not before.is_over
            if storm.is_over and is_news and storm.to_t > self._since_t + 1:
                few = self._reader.most_events(storm.vm_id, storm.from_t, storm.to_t)
                facts = self._facts(vm, storm) if few <= MOST_COUNTED else None
                self._print_line(ended_line(vm, storm, facts))
        for which in self._known.keys() - now.keys():
            if not self._is_past(self._known[which]):
                self._print_line(withdrawn_line(self._known[which]))
        self._known = now

    def _facts(self, vm: "Vm", storm: LiveStorm) -> "IntervalView | None":
        try:
            return self._storms.interval(vm, storm.from_t, storm.to_t)
        except NotKept:
            return None

    def _is_past(self, storm: LiveStorm) -> bool:
        """Retention took events since: nobody looks for storms there any more."""
        expired = self._reader.expired(storm.vm_id)
        return bool(expired) and storm.from_t <= expired[-1].to_t

    def _run(self) -> None:
        try:
            while not self._stop.wait(LOOK_S):
                self.look()
            self.look()
        except Exception as error:  # whatever it is, it must not end the recording
            self._print_line(f"storms are not looked for any more: {error}")
