"""The pages of one VM as a tree of arrays: 2 TiB groups, then 1 GiB leaves, then bitmaps.

A node whose pages share one code (`UNTOUCHED`, or PageState + 1) is that number; any
other is `CODES` + its row one level below. A bitmap holds two bits a page in pairs of words: even
words mean "shared", odd ones "private"; neither is untouched, both is unknown.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.compiled import ALL_BITS, NO_BITS, hot_in_place, hot_part, signed
from app.model.guest import GFN_LIMIT, PageState
from app.model.pagemap._rules import CODES

BLOCK_SHIFT = 9
LEAF_SHIFT = 18
GROUP_SHIFT = 29
GROUPS = GFN_LIMIT >> GROUP_SHIFT
LEAVES = 1 << (GROUP_SHIFT - LEAF_SHIFT)
BLOCKS = 1 << (LEAF_SHIFT - BLOCK_SHIFT)
"""2 MiB blocks of a leaf."""

WORDS = 2 << (LEAF_SHIFT - 6)
"""64-bit words of a bitmap."""

DEFAULT, ROWS, FLIPPED, MIXED, ANY_DIRTY, GROUPS_USED, FREE_BITMAPS, FREE_BITMAP = range(8)
GAPS, GAP_END, TOTALS = range(8, 11)
"""Indices into `Tree.meta`: the state of untouched pages; rows written and pages flipped between
the two known states by the running call; mixed blocks; is any node dirty; rows of leaves in use;
how many bitmaps are unused and the first of them, each naming the next in its first word; how many
losses have begun and not ended, and when the last one ended. Pages by PageState follow from TOTALS
on."""

Nodes = npt.NDArray[np.int64]
Dirty = npt.NDArray[np.uint8]
Bitmaps = npt.NDArray[np.uint64]
Meta = npt.NDArray[np.int64]


class Tree(NamedTuple):
    nodes: Nodes  # [GROUPS + rows * LEAVES]
    dirty: Dirty  # by node: may hold pages that forgetting would change
    bitmaps: Bitmaps  # [rows, WORDS]
    meta: Meta


def new_tree(default: PageState) -> Tree:
    """A tree of untouched pages, all in `default` state."""
    meta = np.zeros(TOTALS + len(PageState), np.int64)
    meta[DEFAULT], meta[GAP_END] = default, np.iinfo(np.int64).min
    return Tree(
        nodes=np.zeros(GROUPS, np.int64),
        dirty=np.zeros(GROUPS, np.uint8),
        bitmaps=np.empty((0, WORDS), np.uint64),
        meta=meta,
    )


def with_room(tree: Tree) -> Tree:
    """The same tree with at least two unused rows of leaves and two unused bitmaps.

    One range needs no more: only its two ends can split what was uniform.
    """
    nodes, dirty, bitmaps, meta = tree
    rows = (len(nodes) - GROUPS) // LEAVES
    if rows < meta[GROUPS_USED] + 2:
        more = np.zeros(max(2, rows // 2) * LEAVES, np.int64)
        nodes = np.concatenate((nodes, more))
        dirty = np.concatenate((dirty, more.astype(np.uint8)))
    if meta[FREE_BITMAPS] < 2:
        used = len(bitmaps)
        bitmaps = np.empty((used + max(8, used // 2), WORDS), np.uint64)
        bitmaps[:used] = tree.bitmaps
        free_bitmaps(Tree(nodes, dirty, bitmaps, meta), used)
    return Tree(nodes, dirty, bitmaps, meta)


def touch(tree: Tree, first: int, end: int) -> None:
    """Have the next forgetting visit [first, end), whose memslots are no longer what they were."""
    nodes, dirty, _, meta = tree
    meta[ANY_DIRTY] = 1
    for group in range(first >> GROUP_SHIFT, ((end - 1) >> GROUP_SHIFT) + 1):
        dirty[group] = 1
        if nodes[group] >= CODES:
            base = GROUPS + int(nodes[group] - CODES) * LEAVES
            low = max(first - (group << GROUP_SHIFT), 0) >> LEAF_SHIFT
            high = min((end - 1 - (group << GROUP_SHIFT)) >> LEAF_SHIFT, LEAVES - 1)
            dirty[base + low : base + high + 1] = 1


def for_reading(tree: Tree) -> Tree:
    """The same tree for a call that changes no page, beside others like it.

    Such a call splits nothing, so the room that painting demands is only claimed.
    """
    meta = tree.meta.copy()
    meta[ROWS], meta[FREE_BITMAPS], meta[GROUPS_USED] = 0, 2, -2
    return tree._replace(meta=meta)


@hot_part
def free_bitmap(tree: Tree, row: int) -> None:
    tree.bitmaps[row, 0] = tree.meta[FREE_BITMAP]
    tree.meta[FREE_BITMAP] = row
    tree.meta[FREE_BITMAPS] += 1


@hot_in_place
def free_bitmaps(tree: Tree, first: int) -> None:
    """All from the first-th on, which are new."""
    for row in range(tree.bitmaps.shape[0] - 1, first - 1, -1):
        free_bitmap(tree, row)


@hot_in_place
def split_group(tree: Tree, group: int) -> None:
    """Give a uniform group its leaves."""
    nodes, dirty = tree.nodes, tree.dirty
    row = tree.meta[GROUPS_USED]
    tree.meta[GROUPS_USED] = row + 1
    for node in range(GROUPS + row * LEAVES, GROUPS + (row + 1) * LEAVES):
        nodes[node] = nodes[group]
        dirty[node] = dirty[group]
    nodes[group] = CODES + row


@hot_in_place
def split_leaf(tree: Tree, node: int) -> None:
    """Give a uniform leaf its bitmap."""
    nodes, bitmaps, meta = tree.nodes, tree.bitmaps, tree.meta
    row = meta[FREE_BITMAP]
    meta[FREE_BITMAP] = signed(bitmaps[row, 0])
    meta[FREE_BITMAPS] -= 1
    shared = ALL_BITS if nodes[node] & 1 else NO_BITS
    private = ALL_BITS if nodes[node] & 2 else NO_BITS
    for word in range(0, WORDS, 2):
        bitmaps[row, word] = shared
        bitmaps[row, word + 1] = private
    nodes[node] = CODES + row


@hot_part
def mark_dirty(tree: Tree, group: int, node: int) -> None:
    tree.dirty[group] = 1
    tree.dirty[node] = 1
    tree.meta[ANY_DIRTY] = 1
