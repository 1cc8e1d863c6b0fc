"""What a phase is, what it is given when its turn comes and what it gives back."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from zlib import crc32

import numpy as np

from app.model.events import EventArray
from collector.simulator._facts import Fact, LossWindow
from collector.simulator._machine import Machine
from collector.simulator._truth import Ledger

NS_PER_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Stage:
    """One performance of one phase."""

    machine: Machine
    seed: int
    begin: int  # ns since the recording's start
    rng: np.random.Generator  # this performance's own
    ledger: Ledger

    def named_rng(self, name: str) -> np.random.Generator:
        """Randomness that phases of one recording share by name: for the same pages twice."""
        return generator(self.seed, crc32(name.encode()))


@dataclass(frozen=True, slots=True)
class Part:
    """What a phase adds to the recording.

    Blocks are in order of effect time, each and one after the other; facts may come in any order.
    Nothing is earlier than the phase's begin. The size of blocks is the phase's own affair.
    """

    blocks: Iterable[EventArray]
    facts: tuple[Fact | LossWindow, ...] = ()


class Phase(Protocol):
    @property
    def start(self) -> float:
        """Seconds after set-up, or after the start of the storm or the cycle it belongs to."""

    def perform(self, stage: Stage) -> Part: ...


def generator(*key: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


def to_ns(seconds: float) -> int:
    return round(seconds * NS_PER_SECOND)
