"""Ways in which a file goes wrong: by a flipped bit, a cut, a number that cannot be."""

import random
import re
import struct
from collections.abc import Callable

Mutation = Callable[[random.Random, bytearray], bytearray]

EDGES: tuple[int, ...] = (
    0,
    1,
    (1 << 15) - 1,
    1 << 15,
    (1 << 16) - 1,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
)
EDGES += ((1 << 40) - 1, 1 << 40, 1 << 52, (1 << 62) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - 4096)
_NUMBER = re.compile(rb"0x[0-9a-f]+|\d+|\b[0-9a-f]{2,16}\b")
_LONG = b"9" * 5_000


def flip(rng: random.Random, content: bytearray) -> bytearray:
    for _ in range(rng.choice((1, 1, 4, 32))):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return content


def cut(rng: random.Random, content: bytearray) -> bytearray:
    return content[: rng.randrange(len(content))]


def lose(rng: random.Random, content: bytearray) -> bytearray:
    at = rng.randrange(len(content))
    del content[at : at + rng.choice((1, 7, 100, 4096))]
    return content


def repeat(rng: random.Random, content: bytearray) -> bytearray:
    at, length = rng.randrange(len(content)), rng.choice((1, 8, 100, 4096))
    content[at:at] = content[at : at + length] * rng.choice((1, 1, 3))
    return content


def move(rng: random.Random, content: bytearray) -> bytearray:
    at, length = rng.randrange(len(content)), rng.choice((8, 100, 4096))
    part = content[at : at + length]
    del content[at : at + length]
    to = rng.randrange(len(content) + 1)
    content[to:to] = part
    return content


def binary_number(rng: random.Random, content: bytearray) -> bytearray:
    """Where a number of 2, 4 or 8 bytes may be."""
    kind = rng.choice(("<H", "<I", "<Q"))
    size = struct.calcsize(kind)
    for _ in range(rng.choice((1, 1, 3))):
        at = rng.randrange(max(1, len(content) - size))
        if rng.random() < 0.5:
            at -= at % size
        content[at : at + size] = struct.pack(kind, rng.choice(EDGES) & (1 << 8 * size) - 1)
    return content


def written_number(rng: random.Random, content: bytearray) -> bytearray:
    """In a text, near to some place."""
    at = rng.randrange(len(content))
    found = list(_NUMBER.finditer(content, at, at + 4096))[:20]
    if not found:
        return flip(rng, content)
    number = rng.choice(found)
    edge = rng.choice(EDGES)
    words = (b"%d" % edge, b"0x%x" % edge, b"%x" % edge, b"-1", b"", _LONG, b"007", b"1e9")
    content[slice(*number.span())] = rng.choice(words)
    return content


BOTH: tuple[Mutation, ...] = (flip, cut, lose, repeat, move)
BINARY: tuple[Mutation, ...] = (*BOTH, binary_number, binary_number, binary_number)
TEXT: tuple[Mutation, ...] = (*BOTH, written_number, written_number, written_number)


def mutated(rng: random.Random, content: bytes, ways: tuple[Mutation, ...]) -> bytes:
    result = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5))):
        if not result:
            break
        result = rng.choice(ways)(rng, result)
    return bytes(result)
