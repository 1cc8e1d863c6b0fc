"""A page tree as bytes: what a seek starts from.

Layout: magic, version, then one zstd frame with checksum. Inside it: `_FIXED`, the codes of all
groups, the codes of the leaves of each split group, and the bitmaps, all "shared" words before
all "private" ones. Row numbers count from 0 in the order of the codes that refer to them.
"""

import struct
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import zstandard

from app.model.events import PageState
from app.model.pagetree import (
    ANY_DIRTY,
    DEFAULT,
    GROUPS,
    GROUPS_USED,
    LEAVES,
    MIXED,
    TOTALS,
    WORDS,
    Tree,
    free_bitmap,
    new_tree,
)
from app.model.transitions import CODES

MAGIC = b"gmpm"
VERSION = 1
_FIXED = struct.Struct("<BBqqqqq")
"""Default state, is the layout known, last t, pages shared, private, unknown, mixed blocks."""

SPARE_BITMAPS = 32
"""Room for what is replayed from here on, so that the bitmaps need not be copied to grow."""

_LIMIT = 1 << 36
"""Bytes of a keyframe that could not be meant: a page map of four fully fragmented PiB."""


class Keyframe(NamedTuple):
    tree: Tree
    layout_is_known: bool
    last_t: int


def encode(keyframe: Keyframe) -> bytes:
    tree = keyframe.tree
    groups, rows = _renumbered(tree.nodes[:GROUPS])
    leaves, bitmaps = _renumbered(tree.nodes[GROUPS:].reshape(-1, LEAVES)[rows])
    pages = tree.meta[TOTALS : TOTALS + 3]
    fixed = _FIXED.pack(
        tree.meta[DEFAULT], keyframe.layout_is_known, keyframe.last_t, *pages, tree.meta[MIXED]
    )
    words = tree.bitmaps[bitmaps]
    parts = (fixed, groups.tobytes(), leaves.tobytes(), words[:, 0::2].tobytes())
    body = b"".join((*parts, words[:, 1::2].tobytes()))
    compressor = zstandard.ZstdCompressor(level=1, write_checksum=True)
    return MAGIC + bytes([VERSION]) + compressor.compress(body)


def _renumbered(
    codes: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The codes with rows of the next level counted from 0, and which rows those were."""
    is_split = codes >= CODES
    result = codes.copy()
    result[is_split] = np.arange(CODES, CODES + np.count_nonzero(is_split))
    return result, codes[is_split] - CODES


def decode(blob: bytes) -> Keyframe:
    """The inverse of `encode`. Raises ValueError if the bytes are not what it made."""
    if blob[:4] != MAGIC:
        raise ValueError("not a page map keyframe")
    if blob[4:5] != bytes([VERSION]):
        raise ValueError(f"page map keyframe of version {blob[4:5].hex()}, only 01 is known")
    body = _decompressed(blob[5:])
    if len(body) < _FIXED.size + GROUPS * 8:
        raise ValueError("damaged page map keyframe: too short")
    default, layout_is_known, last_t, *pages, mixed = _FIXED.unpack_from(body)
    if default > PageState.UNKNOWN:
        raise ValueError("damaged page map keyframe: no such default state")
    rest = memoryview(body)[_FIXED.size :]
    groups, rest = _codes(rest, GROUPS)
    leaves, rest = _codes(rest, int(np.count_nonzero(groups >= CODES)) * LEAVES)
    words = np.frombuffer(rest, np.uint8)
    bitmaps = int(np.count_nonzero(leaves >= CODES))
    if len(words) != bitmaps * WORDS * 8:
        raise ValueError("damaged page map keyframe: wrong number of bitmaps")
    tree = _tree(PageState(default), groups, leaves, words.view(np.uint64))
    tree.meta[TOTALS : TOTALS + 3] = pages
    tree.meta[MIXED] = mixed
    return Keyframe(tree, bool(layout_is_known), last_t)


def _decompressed(frame: bytes) -> bytes:
    try:
        size = zstandard.frame_content_size(frame)
        if not 0 <= size <= _LIMIT:
            raise ValueError("damaged page map keyframe: impossible size")
        return zstandard.ZstdDecompressor().decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise ValueError(f"damaged page map keyframe: {error}") from error


def _codes(rest: memoryview, count: int) -> tuple[npt.NDArray[np.int64], memoryview]:
    """Take `count` codes; those that refer to rows must count up from 0."""
    if len(rest) < 8 * count:
        raise ValueError("damaged page map keyframe: too short")
    codes = np.frombuffer(rest[: 8 * count], np.int64)
    split = codes[codes >= CODES]
    if (codes < 0).any() or not np.array_equal(split, np.arange(CODES, CODES + len(split))):
        raise ValueError("damaged page map keyframe: a code refers to nothing")
    return codes, rest[8 * count :]


def _tree(
    default: PageState,
    groups: npt.NDArray[np.int64],
    leaves: npt.NDArray[np.int64],
    words: npt.NDArray[np.uint64],
) -> Tree:
    """A tree with some room, all of it marked as touched since the last forgetting."""
    count = len(words) // WORDS
    bitmaps = np.empty((count + SPARE_BITMAPS, WORDS), np.uint64)
    bitmaps[:count, 0::2], bitmaps[:count, 1::2] = words.reshape(2, count, WORDS // 2)
    nodes = np.concatenate((groups, leaves))
    meta = new_tree(default).meta
    for row in range(len(bitmaps) - 1, count - 1, -1):
        free_bitmap(bitmaps, meta, row)
    meta[ANY_DIRTY] = 1
    meta[GROUPS_USED] = len(leaves) // LEAVES
    return Tree(nodes, np.ones(len(nodes), np.uint8), bitmaps, meta)
