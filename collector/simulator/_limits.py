"""Where a simulated recording ends."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from app.model.guest import EventKind
from collector.simulator._facts import Advance, Piece, split_at


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
