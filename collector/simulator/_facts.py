"""Rare facts that a simulated recording gives its sink between events, each with its instant."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from app.model.events import EventArray, effect_time
from app.model.guest import GuestMemfd, Memslot
from app.store.protocol import Loss, RecordingSink


class Fact(Protocol):
    """Something the sink is given at an instant."""

    @property
    def t(self) -> int: ...

    def give(self, sink: RecordingSink, vm_id: int) -> None: ...


@dataclass(frozen=True, slots=True)
class NewGuestMemfd:
    t: int
    guest_memfd: GuestMemfd

    def give(self, sink: RecordingSink, vm_id: int) -> None:
        sink.add_guest_memfd(vm_id, replace(self.guest_memfd, created_t=self.t))


@dataclass(frozen=True, slots=True)
class NewMemslot:
    memslot: Memslot

    @property
    def t(self) -> int:
        return self.memslot.from_t

    def give(self, sink: RecordingSink, vm_id: int) -> None:
        sink.set_memslot(vm_id, self.memslot)


@dataclass(frozen=True, slots=True)
class GoneMemslot:
    t: int
    as_id: int
    slot: int

    def give(self, sink: RecordingSink, vm_id: int) -> None:
        sink.delete_memslot(vm_id, self.as_id, self.slot, self.t)


@dataclass(frozen=True, slots=True)
class LostEvents:
    loss: Loss

    @property
    def t(self) -> int:
        return self.loss.to_t

    def give(self, sink: RecordingSink, vm_id: int) -> None:
        sink.add_loss(self.loss)


@dataclass(frozen=True, slots=True)
class Advance:
    """Everything before t was given."""

    t: int

    def give(self, sink: RecordingSink, vm_id: int) -> None:
        sink.advance(self.t)


@dataclass(frozen=True, slots=True)
class LossWindow:
    """From t to to_t nothing that one CPU did is seen."""

    t: int
    to_t: int
    cpu: int


Piece = EventArray | Fact
"""A recording is a sequence of these, in order of (effect) time."""

Plan = EventArray | Fact | LossWindow
"""The same before events are lost."""


def split_at(piece: Piece, t: int) -> tuple[Piece | None, Piece | None]:
    """What of a piece comes before an instant and what not; None for nothing."""
    if not isinstance(piece, np.ndarray):
        return (piece, None) if piece.t < t else (None, piece)
    cut = int(np.searchsorted(effect_time(piece), t, "left"))
    return piece[:cut] if cut else None, piece[cut:] if cut < len(piece) else None
