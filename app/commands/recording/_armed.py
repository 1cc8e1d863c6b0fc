"""`gmemscope collect --armed`: nothing is read until a trigger; a recording for each, and calm ends
it."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from types import FrameType
from typing import TYPE_CHECKING

from app.commands.recording._recorder import Host, drop_privileges, print_line, publish, record
from app.errors import HostError

if TYPE_CHECKING:
    from threading import Event

    from collector.capture.agent import Collected, Context, Vigil
    from collector.capture.tracefs import TracefsArmed

DEFAULT_RATE = 5000
"""The certain rate of app.model.stats.CONVERSIONS, which costs too much to import for a --help."""
DEFAULT_CALM_S = 30.0
REQUEST = signal.SIGUSR1


@dataclass(frozen=True, slots=True)
class Arming:
    """So many conversions per second are a trigger; so many seconds without one are calm."""

    rate: float
    calm_s: float


class Requests:
    """Signals that ask for a recording. Nothing here is locked: a handler runs between any two
    steps."""

    def __init__(self) -> None:
        self._received = 0
        self._answered = 0

    def receive(self, number: int, frame: FrameType | None) -> None:
        self._received += 1

    def answer(self) -> bool:
        """Whether there was any since the last answer."""
        received = self._received
        is_asked, self._answered = received != self._answered, received
        return is_asked


@contextmanager
def requests() -> Iterator[Requests]:
    received = Requests()
    before = signal.signal(REQUEST, received.receive)
    try:
        yield received
    finally:
        signal.signal(REQUEST, before)


def record_armed(
    host: Host, arming: Arming, duration: float | None, stop: "Event", *, as_json: bool
) -> None:
    """Until `stop` is set or `duration` is over. Raises HostError."""
    from collector.capture.agent import Ending, Vigil
    from collector.capture.live import HostCannot, SourceEnded
    from collector.capture.tracefs import TracefsArmed

    ending = Ending(stop, duration)
    recordings = 0
    try:
        with requests() as asked, TracefsArmed(host.options) as armed:
            context = drop_privileges(host.engine, "tracefs", _kept_for(host))
            while not ending.is_set():
                vigil = Vigil(armed.conversions, asked.answer, arming.rate, arming.calm_s)
                collected = _armed_once(host, armed, vigil, context, ending)
                if collected is None:
                    break
                recordings += 1
                publish(host.engine, collected, as_json=as_json)
                armed.rearm()
    except (HostCannot, SourceEnded) as error:
        raise HostError(str(error)) from error
    if not recordings:
        print_line("nothing was recorded: there was no trigger while it was armed")


def _kept_for(host: Host) -> tuple[str, ...]:
    """QEMUs are asked at each trigger; their sockets may be other users'."""
    return ("CAP_DAC_OVERRIDE",) if host.qmp else ()


def _armed_once(
    host: Host, armed: "TracefsArmed", vigil: "Vigil", context: "Context", ending: "Event"
) -> "Collected | None":
    """Wait for a trigger, then record until calm; None: it ended before.

    The database is ours meanwhile. That its lock passes to the recording takes microseconds: who
    takes it right then ends the collector, which names them.
    """
    from app.store.database import WriterLock
    from collector.capture.agent import CLOCKS, UntilCalm
    from collector.capture.inventory import scan

    with ExitStack() as opened:
        with WriterLock(host.engine):
            print_line(
                f"armed; {vigil.rate:,.0f} conversions per second, SIGUSR1 or `gmemscope trigger` "
                "begin a recording, Ctrl-C ends it"
            )
            reason = vigil.wait(ending)
            if reason is None:
                return None
            source = opened.enter_context(armed.take())
            source.start(ending)
            found = scan(host.options.pids, CLOCKS[source.describe().clock], host.qmp)
        before_s = (found.clock_ns - source.describe().clock_start_ns) / 1e9
        print_line(f"triggered: {reason}; the buffers hold {before_s:.1f} s")
        note = f"An armed collector was triggered {before_s:.1f} s after its start: {reason}."
        notes = (*context.notes, note)
        taken = replace(context, found=found, notes=notes, has_lead=True)
        return record(host, source, UntilCalm(ending, vigil), taken)
