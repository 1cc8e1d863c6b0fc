"""`CHANGE` rows that mark which 2 MiB blocks became mixed, where memslots came and went."""

import numpy as np
import numpy.typing as npt

from app.model.events import ChangeArray
from app.model.guest import PAGES_PER_2M

Blocks = npt.NDArray[np.int64]
"""Numbers of aligned 2 MiB blocks."""
Deltas = npt.NDArray[np.int32]


def with_mixed_blocks(
    steps: list[ChangeArray], blocks: Blocks, deltas: Deltas
) -> list[ChangeArray]:
    """Rows of several steps, each step ascending, with what they do to mixed blocks.

    A row that meets a block ends in it for that, and goes on as another. Each block is met by a
    row: what a memslot newly covers, or no longer covers, has one.
    """
    marked = []
    for step in steps:
        at = np.searchsorted(_ends(step), blocks * PAGES_PER_2M, side="right")
        is_met = at < len(step)
        first = step["gfn"][np.minimum(at, len(step) - 1)] if len(step) else at
        is_met &= first.astype(np.int64) < (blocks + 1) * PAGES_PER_2M
        marked.append(_divided(step, at[is_met], blocks[is_met], deltas[is_met]))
        blocks, deltas = blocks[~is_met], deltas[~is_met]
    return marked


def _divided(rows: ChangeArray, at: Blocks, blocks: Blocks, deltas: Deltas) -> ChangeArray:
    """Rows that end in blocks they meet: the at[i]-th in blocks[i]."""
    if not len(at):
        return rows
    ends = np.minimum(_ends(rows)[at], (blocks + 1) * PAGES_PER_2M)
    of_row = np.concatenate((at, np.arange(len(rows))))
    end = np.concatenate((ends, _ends(rows)))
    delta = np.concatenate((deltas, np.zeros(len(rows), np.int32)))
    places, part = np.unique(np.stack((of_row, end)), axis=1, return_inverse=True)
    divided: ChangeArray = rows[places[0]]
    starts = np.where(np.diff(places[0], prepend=-1) != 0, divided["gfn"], np.roll(places[1], 1))
    divided["gfn"] = starts
    divided["npages"] = places[1] - starts.astype(np.int64)
    np.add.at(divided["mixed_delta"], part.reshape(-1), delta)
    return divided


def _ends(rows: ChangeArray) -> Blocks:
    ends: Blocks = (rows["gfn"] + rows["npages"]).astype(np.int64)
    return ends
