"""Play a scenario into a recording sink."""

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event
from time import monotonic

import numpy as np

from app.model.events import effect_time
from app.model.guest import Certainty, PageState, VmIdentity
from app.store.protocol import RecordingHeader, RecordingSink
from collector.coverage import Capability, describe_coverage
from collector.simulator._facts import Advance, Piece, split_at
from collector.simulator._machine import VM_TYPE_SNP
from collector.simulator._merge import in_time_order
from collector.simulator._recorded import Limits, limited, lose
from collector.simulator._scenario import Showing
from collector.simulator._setup import VM_CREATED_NS
from collector.simulator._stage import NS_PER_SECOND
from collector.simulator._truth import Ledger, Planted

TICK_SECONDS = 0.25
"""Four commits a second: a page sees an event within a second of its simulated time."""


def paced(pieces: Iterator[Piece], speed: float, stop: Event) -> Iterator[Piece]:
    """Yield the pieces of each tick when it is over, then `Advance`; return once `stop` is set.

    `speed` is simulated seconds per real one. Contents stay what they are, only cut where ticks
    end; a tick that began late is made up for.
    """
    tick = max(round(TICK_SECONDS * speed * NS_PER_SECOND), 1)
    started = monotonic()
    now = 0
    for piece in pieces:
        rest: Piece | None = piece
        while rest is not None:
            due, rest = split_at(rest, now)
            if due is not None:
                yield due
            if rest is not None:
                yield Advance(now)
                now += tick
                is_over_at = started + now / (speed * NS_PER_SECOND)
                if stop.wait(max(is_over_at - monotonic(), 0.0)):
                    return


SOURCE = "simulator"
HOST = "simulated-host"
CLOCK = "simulated"
VM_NAME = "demo-cvm"
LARGEST_APPEND = 1 << 16
NOTES = (
    "This guest is simulated: no KVM took part.",
    "Page state changes of an SNP guest are shown as hypercalls, as KVM hands them to the VMM"
    " (KVM_EXIT_HYPERCALL); on a real host kvm:kvm_hypercall does not fire for them.",
)


@dataclass(frozen=True, slots=True)
class Played:
    vm_id: int
    end_t: int  # ns since the recording's start
    planted: tuple[Planted, ...]


def recording_header(showing: Showing) -> RecordingHeader:
    """The header to open the sink with."""
    return RecordingHeader(
        name=f"simulated guest {showing.scenario.name}, seed {showing.seed}",
        source=SOURCE,
        host=HOST,
        clock=CLOCK,
        clock_start_ns=0,
        coverage=describe_coverage({seen.value: True for seen in Capability}, notes=NOTES),
    )


def play(
    showing: Showing,
    limits: Limits,
    sink: RecordingSink,
    *,
    stop: Event,
    speed: float | None = None,
) -> Played:
    """Give the sink everything up to the limits, or until `stop` is set.

    With `speed` (simulated seconds per real one) at the pace of the wall clock, else at once; what
    is given is the same. The sink has been entered; leaving it is the caller's.
    """
    ledger = Ledger()
    vm_id = sink.add_vm(_identity(showing))
    end_t = VM_CREATED_NS
    for piece in _pieces(showing, limits, ledger, speed, stop):
        if stop.is_set():
            break
        end_t = max(end_t, _tell(sink, vm_id, piece))
        ledger.settle(end_t)
    return Played(vm_id, end_t, ledger.close(end_t))


def _pieces(
    showing: Showing, limits: Limits, ledger: Ledger, speed: float | None, stop: Event
) -> Iterator[Piece]:
    plans = in_time_order(showing.schedule(ledger))
    pieces = limited(lose(plans, ledger), limits)
    return _at_once(pieces) if speed is None else paced(pieces, speed, stop)


def _at_once(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Pieces of bounded size, each followed by `Advance`."""
    for piece in pieces:
        if not isinstance(piece, np.ndarray):
            yield piece
            continue
        for begin in range(0, len(piece), LARGEST_APPEND):
            rows = piece[begin : begin + LARGEST_APPEND]
            yield rows
            yield Advance(int(effect_time(rows[-1:])[0]))


def _tell(sink: RecordingSink, vm_id: int, piece: Piece) -> int:
    """Hand one piece over; returns up to when the recording now reaches."""
    if not isinstance(piece, np.ndarray):
        piece.give(sink, vm_id)
        return piece.t
    if not len(piece):
        return 0
    sink.append(vm_id, piece)
    return int(effect_time(piece[-1:])[0])


def _identity(showing: Showing) -> VmIdentity:
    return VmIdentity(
        name=VM_NAME,
        pid=showing.machine.pid,
        vm_fd=showing.machine.vm_fd,
        created_t=VM_CREATED_NS,
        created_certainty=Certainty.SEEN,
        start_state=PageState.SHARED,
        vm_type=VM_TYPE_SNP,
    )
