"""Which ranges a phase works on, and in which order. Two phases of one pattern meet again."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from app.model.guest import PAGES_PER_2M
from collector.simulator._machine import Area, Place
from collector.simulator._stage import Stage


@dataclass(frozen=True, slots=True)
class Ranges:
    """Disjoint ranges of pages."""

    gfn: npt.NDArray[np.uint64]
    npages: npt.NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.gfn)


class Pattern(Protocol):
    @property
    def place(self) -> Place: ...

    def ranges(self, stage: Stage) -> Ranges: ...


@dataclass(frozen=True, slots=True)
class Chunks:
    """All of a place in ascending, aligned pieces; the first and the last may be shorter."""

    place: Place
    npages: int = PAGES_PER_2M

    def ranges(self, stage: Stage) -> Ranges:
        area = stage.machine.area(self.place)
        aligned = -(-area.first_gfn // self.npages) * self.npages
        borders = np.arange(aligned, area.end_gfn, self.npages, dtype=np.uint64)
        ends = np.array([area.first_gfn, area.end_gfn], np.uint64)
        borders = np.unique(np.concatenate([borders, ends]))
        return Ranges(borders[:-1], np.diff(borders))


@dataclass(frozen=True, slots=True)
class Scattered:
    """Some whole 2 MiB blocks and some single pages of the other blocks of a place, shuffled.

    Takes fewer where the place is too small. The same name, place and seed give the same ranges.
    """

    place: Place
    name: str
    singles: int
    blocks: int = 0

    def ranges(self, stage: Stage) -> Ranges:
        area = stage.machine.area(self.place)
        rng = stage.named_rng(self.name)
        all_blocks = rng.permutation(area.npages // PAGES_PER_2M)
        whole, rest = np.split(all_blocks, [min(self.blocks, len(all_blocks) // 2)])
        singles = _single_pages(rng, np.sort(rest), self.singles)
        gfn = np.concatenate([whole * PAGES_PER_2M, singles]) + area.first_gfn
        npages = np.repeat([PAGES_PER_2M, 1], [len(whole), len(singles)])
        order = rng.permutation(len(gfn))
        return Ranges(gfn[order].astype(np.uint64), npages[order].astype(np.uint64))


def _single_pages(
    rng: np.random.Generator, blocks: npt.NDArray[np.int64], count: int
) -> npt.NDArray[np.int64]:
    available = len(blocks) * PAGES_PER_2M
    picked = rng.choice(available, min(count, available // 2), replace=False, shuffle=False)
    result: npt.NDArray[np.int64] = blocks[picked // PAGES_PER_2M] * PAGES_PER_2M
    return result + picked % PAGES_PER_2M


def block_starts(area: Area) -> npt.NDArray[np.uint64]:
    """First pages of the whole 2 MiB blocks inside an area that starts on such a border."""
    return np.arange(area.first_gfn, area.end_gfn - PAGES_PER_2M + 1, PAGES_PER_2M, dtype=np.uint64)
