"""What every page of a VM is, and what each event changes.

A `PageMap` is a tree (2 TiB groups, 1 GiB leaves, bitmaps of two bits a page) under the layout of
the live memslots. `_apply` finds the operation that an event is, `_operate` does it to each piece
of the layout, `_paint` and `_blocks` change the pages by the table in `_rules` and write a CHANGE
row for each run that changed. A keyframe is the tree as bytes.
"""

from app.model.pagemap._apply import disorder, effect
from app.model.pagemap._keyframe import KeyframeTotals, decode_totals
from app.model.pagemap._pagemap import PageMap
from app.model.pagemap._rules import CODES, UNTOUCHED
from app.model.pagemap._tree import (
    BLOCK_SHIFT,
    GROUP_SHIFT,
    GROUPS,
    LEAF_SHIFT,
    LEAVES,
    WORDS,
    Bitmaps,
    Nodes,
)

__all__ = [
    "BLOCK_SHIFT",
    "CODES",
    "GROUPS",
    "GROUP_SHIFT",
    "LEAF_SHIFT",
    "LEAVES",
    "UNTOUCHED",
    "WORDS",
    "Bitmaps",
    "KeyframeTotals",
    "Nodes",
    "PageMap",
    "decode_totals",
    "disorder",
    "effect",
]
