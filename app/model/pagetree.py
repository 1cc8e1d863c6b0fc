"""The pages of one VM as a tree of arrays: 2 TiB groups, then 1 GiB leaves, then bitmaps.

A group or a leaf whose pages share one code (`transitions.UNTOUCHED`, or PageState + 1) is that
number; any other is `CODES` + its row in the next level. A bitmap holds two bits a page in pairs
of words: even words say "shared", odd ones "private"; neither is untouched, both is unknown.
"""

from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from app.model.events import GFN_LIMIT, PageState

BLOCK_SHIFT = 9
LEAF_SHIFT = 18
GROUP_SHIFT = 29
GROUPS = GFN_LIMIT >> GROUP_SHIFT
LEAVES = 1 << (GROUP_SHIFT - LEAF_SHIFT)
WORDS = 2 << (LEAF_SHIFT - 6)
"""64-bit words of a bitmap."""

DEFAULT, FREE_GROUPS, FREE_BITMAPS, MIXED, ANY_KNOWN, TOTALS = range(6)
"""Indices into `Tree.meta`; pages by PageState follow from TOTALS on."""

T = TypeVar("T", bound=np.generic)


class Tree(NamedTuple):
    groups: npt.NDArray[np.int32]  # GROUPS
    leaves: npt.NDArray[np.int32]  # [capacity, LEAVES]
    bitmaps: npt.NDArray[np.uint64]  # [capacity, WORDS]
    group_dirty: npt.NDArray[np.uint8]  # may hold pages that forgetting would change
    leaf_dirty: npt.NDArray[np.uint8]  # [capacity, LEAVES]
    free_groups: npt.NDArray[np.int32]  # a stack of the unused rows of `leaves`
    free_bitmaps: npt.NDArray[np.int32]  # a stack of the unused rows of `bitmaps`
    meta: npt.NDArray[np.int64]


def new_tree(default: PageState) -> Tree:
    """A tree of untouched pages, all in `default` state."""
    meta = np.zeros(TOTALS + len(PageState), np.int64)
    meta[DEFAULT] = default
    return Tree(
        groups=np.zeros(GROUPS, np.int32),
        leaves=np.zeros((0, LEAVES), np.int32),
        bitmaps=np.zeros((0, WORDS), np.uint64),
        group_dirty=np.zeros(GROUPS, np.uint8),
        leaf_dirty=np.zeros((0, LEAVES), np.uint8),
        free_groups=np.zeros(0, np.int32),
        free_bitmaps=np.zeros(0, np.int32),
        meta=meta,
    )


def with_room(tree: Tree) -> Tree:
    """The same tree with at least two unused groups and two unused bitmaps.

    One range needs no more: only its two ends can split what was uniform.
    """
    if tree.meta[FREE_GROUPS] < 2:
        more = max(2, len(tree.leaves) // 2)
        free = _with_free(tree.free_groups, tree.meta, FREE_GROUPS, len(tree.leaves), more)
        tree = tree._replace(
            leaves=_grown(tree.leaves, more),
            leaf_dirty=_grown(tree.leaf_dirty, more),
            free_groups=free,
        )
    if tree.meta[FREE_BITMAPS] < 2:
        more = max(8, len(tree.bitmaps))
        free = _with_free(tree.free_bitmaps, tree.meta, FREE_BITMAPS, len(tree.bitmaps), more)
        tree = tree._replace(bitmaps=_grown(tree.bitmaps, more), free_bitmaps=free)
    return tree


def _grown(array: npt.NDArray[T], more: int) -> npt.NDArray[T]:
    result = np.empty((len(array) + more, *array.shape[1:]), array.dtype)
    result[: len(array)] = array
    return result


def _with_free(
    stack: npt.NDArray[np.int32], meta: npt.NDArray[np.int64], count: int, used: int, more: int
) -> npt.NDArray[np.int32]:
    """Push the row numbers from `used` on, so that the lowest is taken first."""
    free = int(meta[count])
    result = np.zeros(used + more, np.int32)
    result[:free] = stack[:free]
    result[free : free + more] = np.arange(used + more - 1, used - 1, -1)
    meta[count] = free + more
    return result
