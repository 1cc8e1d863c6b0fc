"""What a recording holds of all that a simulated guest does: it ends, and a tracer loses events."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from app.model.events import EventArray
from app.model.guest import EventKind
from app.store.protocol import Loss
from collector.simulator._facts import Advance, LossWindow, LostEvents, Piece, Plan, split_at
from collector.simulator._rows import blank
from collector.simulator._truth import Ledger


@dataclass(frozen=True, slots=True)
class Limits:
    """The recording ends at whichever comes first; without either it never does."""

    until_t: int | None = None  # ns since the recording's start, exclusive
    conversions: int | None = None  # at least 1; the last is the recording's last event


def limited(pieces: Iterator[Piece], limits: Limits) -> Iterator[Piece]:
    """Cut the sequence at its limits. A quiet end belongs to the recording, too."""
    remaining = limits.conversions
    for whole in pieces:
        piece, rest = (whole, None) if limits.until_t is None else split_at(whole, limits.until_t)
        if piece is None:
            break
        if remaining is not None and isinstance(piece, np.ndarray):
            which = np.flatnonzero(piece["kind"] == EventKind.CONVERSION)
            if len(which) >= remaining:
                yield piece[: which[remaining - 1] + 1]
                return
            remaining -= len(which)
        yield piece
        if rest is not None:
            break
    if limits.until_t is not None:
        yield Advance(limits.until_t)


def lose(plans: Iterator[Plan], ledger: Ledger) -> Iterator[Piece]:
    """Drop the rows that vCPUs on a window's CPU caused inside it.

    vCPU n runs on CPU n; the VMM's main thread runs elsewhere. LOSS_BEGIN and LOSS_END carry how
    many rows were really dropped, as the ring buffer counts them.
    """
    for plan in plans:
        if isinstance(plan, LossWindow):
            yield from _through(plan, plans, ledger)
        else:
            yield plan


def _through(window: LossWindow, plans: Iterator[Plan], ledger: Ledger) -> Iterator[Piece]:
    held: list[Piece] = []
    first_after: Piece | None = None
    for plan in plans:
        if isinstance(plan, LossWindow):
            raise ValueError("losses of one scenario may not overlap")
        inside, first_after = split_at(plan, window.to_t)
        if inside is not None:
            held.append(inside)
        if first_after is not None:
            break
    lost = [_on_cpu(piece, window.cpu) for piece in held if isinstance(piece, np.ndarray)]
    count = sum(len(rows) for rows in lost)
    conversions = sum(int(np.sum(rows["kind"] == EventKind.CONVERSION)) for rows in lost)
    ledger.plant(
        "loss", window.t, window.to_t, cpu=window.cpu, lost=count, lost_conversions=conversions
    )
    yield _mark(EventKind.LOSS_BEGIN, window.t, count)
    for piece in held:
        seen = piece[piece["vcpu"] != window.cpu] if isinstance(piece, np.ndarray) else piece
        if not isinstance(seen, np.ndarray) or len(seen):
            yield seen
    yield _mark(EventKind.LOSS_END, window.to_t, count)
    yield LostEvents(Loss(window.t, window.to_t, count, window.cpu, "simulated ring buffer"))
    if first_after is not None:
        yield first_after


def _on_cpu(rows: EventArray, cpu: int) -> EventArray:
    chosen: EventArray = rows[rows["vcpu"] == cpu]
    return chosen


def _mark(kind: EventKind, t: int, count: int) -> EventArray:
    row = blank(1, kind)
    row["t"] = t
    row["aux"] = count
    return row
