"""What every page of a VM is, and what each event changes.

A `PageMap` is a tree (2 TiB groups, 1 GiB leaves, bitmaps of two bits a page) under the cover of
the live memslots. `apply` looks each event's operation up in the table of transitions, drives it
over the covered pieces and paints the leaves; a keyframe is the tree as bytes.
"""

from app.model.pagemap._apply import disorder, effect
from app.model.pagemap._blocks import lowest_bit, ones
from app.model.pagemap._pagemap import PageMap
from app.model.pagemap._rules import CODES, UNTOUCHED
from app.model.pagemap._tree import (
    ALL,
    BLOCK_SHIFT,
    GROUP_SHIFT,
    GROUPS,
    LEAF_SHIFT,
    LEAVES,
    NONE,
    WORDS,
    Bitmaps,
    Nodes,
)

__all__ = [
    "ALL",
    "BLOCK_SHIFT",
    "CODES",
    "GROUPS",
    "GROUP_SHIFT",
    "LEAF_SHIFT",
    "LEAVES",
    "NONE",
    "UNTOUCHED",
    "WORDS",
    "Bitmaps",
    "Nodes",
    "PageMap",
    "disorder",
    "effect",
    "lowest_bit",
    "ones",
]
