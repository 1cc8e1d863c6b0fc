"""A page tree as bytes: what a seek starts from.

Layout: magic, version, then one zstd frame with content size and checksum. Inside it: `_FIXED`, the
nodes of all groups, the nodes of the leaves of each split group, and the bitmaps, each with its
"shared" words before its "private" ones (which compresses better than pairs), all little-endian.
Rows are numbered from 0 in the order of the nodes that refer to them.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import zstandard

from app.model.guest import PageState, Totals
from app.model.pagemap._rules import CODES
from app.model.pagemap._tree import (
    ANY_DIRTY,
    DEFAULT,
    GROUPS,
    GROUPS_USED,
    LEAVES,
    MIXED,
    TOTALS,
    WORDS,
    Bitmaps,
    Nodes,
    Tree,
    free_bitmaps,
    new_tree,
)

MAGIC = b"gmpm"
VERSION = 1
_FIXED = struct.Struct("<BBqqqqq")
"""Default state; is the layout known; last t; pages shared, private, unknown; mixed blocks."""

_LEAST = _FIXED.size + 8 * GROUPS
_MOST = 1 << 36
"""Bytes that no keyframe has: they would hold the fully fragmented map of a 1 PiB guest."""


class Keyframe(NamedTuple):
    tree: Tree
    layout_is_known: bool
    last_t: int


def encode(keyframe: Keyframe) -> bytes:
    parts = list(_parts(keyframe))
    compressor = zstandard.ZstdCompressor(level=1, write_checksum=True)
    frame = compressor.compressobj(size=sum(part.nbytes for part in parts))
    compressed = [frame.compress(part) for part in parts]
    return b"".join((MAGIC, bytes([VERSION]), *compressed, frame.flush()))


def _parts(keyframe: Keyframe) -> Iterator[memoryview]:
    tree = keyframe.tree
    shared, private, unknown = (tree.meta[TOTALS + state] for state in (0, 1, 2))
    default, mixed = tree.meta[DEFAULT], tree.meta[MIXED]
    fixed = (keyframe.layout_is_known, keyframe.last_t, shared, private, unknown, mixed)
    yield memoryview(_FIXED.pack(default, *fixed))
    groups, rows = _renumbered(tree.nodes[:GROUPS])
    leaves, bitmaps = _renumbered(tree.nodes[GROUPS:].reshape(-1, LEAVES)[rows].ravel())
    yield groups.data
    yield leaves.data
    for row in bitmaps:
        yield np.ascontiguousarray(tree.bitmaps[row, 0::2]).data
        yield np.ascontiguousarray(tree.bitmaps[row, 1::2]).data


def _renumbered(nodes: Nodes) -> tuple[Nodes, Nodes]:
    """The nodes with rows of the next level counted from 0, and which rows those were."""
    is_split = nodes >= CODES
    result = nodes.copy()
    result[is_split] = np.arange(CODES, CODES + np.count_nonzero(is_split))
    return result, nodes[is_split] - CODES


class KeyframeTotals(NamedTuple):
    """What all pages of a page map add up to."""

    pages: Totals
    mixed_blocks: int


def decode_totals(blob: bytes) -> KeyframeTotals:
    """Of a keyframe, from its first bytes: a thousandth of the work. Raises ValueError if they are
    not what `encode` made; whether the others are is not seen."""
    reader = zstandard.ZstdDecompressor().stream_reader(_frame(blob))
    try:
        fixed = reader.read(_FIXED.size)
    except zstandard.ZstdError as error:
        raise ValueError(f"damaged page map keyframe: {error}") from error
    if len(fixed) < _FIXED.size:
        raise ValueError("damaged page map keyframe: too short")
    _, _, _, shared, private, unknown, mixed = _FIXED.unpack(fixed)
    return KeyframeTotals(Totals(private=private, shared=shared, unknown=unknown), mixed)


def decode(blob: bytes) -> Keyframe:
    """The inverse of `encode`. Raises ValueError if the bytes are not what it made."""
    body = _decompressed(_frame(blob))
    default, layout_is_known, last_t, *pages, mixed = _FIXED.unpack_from(body)
    if default > PageState.UNKNOWN:
        raise ValueError("damaged page map keyframe: no such default state")
    rest = memoryview(body)[_FIXED.size :]
    groups, rest = _nodes(rest, GROUPS)
    rows = int(np.count_nonzero(groups >= CODES))
    leaves, rest = _nodes(rest, rows * LEAVES)
    if len(rest) != int(np.count_nonzero(leaves >= CODES)) * WORDS * 8:
        raise ValueError("damaged page map keyframe: wrong number of bitmaps")
    meta = new_tree(PageState(default)).meta
    meta[TOTALS : TOTALS + 3], meta[MIXED] = pages, mixed
    meta[GROUPS_USED], meta[ANY_DIRTY] = rows, 1
    nodes = np.concatenate((groups, leaves))
    # Which nodes forgetting has yet to visit is not kept: it may visit all of them.
    bitmaps = _bitmaps(rest)
    tree = Tree(nodes, np.ones(len(nodes), np.uint8), bitmaps, meta)
    free_bitmaps(tree, len(rest) // (8 * WORDS))
    return Keyframe(tree, bool(layout_is_known), last_t)


def _frame(blob: bytes) -> bytes:
    if blob[:4] != MAGIC:
        raise ValueError("not a page map keyframe")
    if blob[4:5] != bytes([VERSION]):
        raise ValueError(f"page map keyframe of unknown version {blob[4:5].hex()}")
    return blob[5:]


def _decompressed(frame: bytes) -> bytes:
    try:
        if not _LEAST <= zstandard.frame_content_size(frame) <= _MOST:
            raise ValueError("damaged page map keyframe: impossible size")
        return zstandard.ZstdDecompressor().decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise ValueError(f"damaged page map keyframe: {error}") from error


def _nodes(rest: memoryview, count: int) -> tuple[Nodes, memoryview]:
    """Take `count` nodes; those that refer to rows must count up from 0."""
    if len(rest) < 8 * count:
        raise ValueError("damaged page map keyframe: too short")
    nodes = np.frombuffer(rest[: 8 * count], np.int64)
    split = nodes[nodes >= CODES]
    if (nodes < 0).any() or not np.array_equal(split, np.arange(CODES, CODES + len(split))):
        raise ValueError("damaged page map keyframe: a node refers to nothing")
    return nodes, rest[8 * count :]


def _bitmaps(rest: memoryview) -> Bitmaps:
    """With some unused ones behind them: to make room later would move all of them."""
    planes = np.frombuffer(rest, np.uint64).reshape(-1, 2, WORDS // 2)
    used = len(planes)
    bitmaps = np.empty((used + max(8, used // 16), WORDS // 2, 2), np.uint64)
    bitmaps[:used, :, 0], bitmaps[:used, :, 1] = planes[:, 0], planes[:, 1]
    return bitmaps.reshape(-1, WORDS)
