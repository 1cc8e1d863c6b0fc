"""Words of 64 bits, in compiled code."""

import numpy as np
import numpy.typing as npt

from app.compiled._loops import hot_part, signed

NO_BITS = np.uint64(0)
ALL_BITS = np.uint64(0xFFFF_FFFF_FFFF_FFFF)

_DE_BRUIJN = np.uint64(0x03F7_9D71_B4CB_0A89)
_PAIRS = np.uint64(0x5555_5555_5555_5555)
_FOURS = np.uint64(0x3333_3333_3333_3333)
_EIGHTS = np.uint64(0x0F0F_0F0F_0F0F_0F0F)
_BYTES = np.uint64(0x0101_0101_0101_0101)
_ONE, _TWO, _FOUR = np.uint64(1), np.uint64(2), np.uint64(4)
_TOP_SIX_BITS, _TOP_BYTE = np.uint64(58), np.uint64(56)


def _bit_numbers() -> npt.NDArray[np.int64]:
    numbers = np.zeros(64, np.int64)
    for bit in range(64):
        numbers[((int(_DE_BRUIJN) << bit) & int(ALL_BITS)) >> int(_TOP_SIX_BITS)] = bit
    return numbers


_BIT_NUMBER = _bit_numbers()


@hot_part
def lowest_bit(word: np.uint64) -> int:
    """Number of the lowest set bit of a word that is not 0: each of the 64 isolated bits times
    a de Bruijn number has other top six bits."""
    isolated = word & (~word + _ONE)
    return int(_BIT_NUMBER[signed((isolated * _DE_BRUIJN) >> _TOP_SIX_BITS)])


@hot_part
def ones(first: int, count: int) -> np.uint64:
    """A word with `count` (1..64) set bits from bit `first` on."""
    return (ALL_BITS >> np.uint64(64 - count)) << np.uint64(first)


@hot_part
def set_bits(word: np.uint64) -> int:
    """How many bits of a word are set: sums of two, four, eight, then all bits side by side."""
    word -= (word >> _ONE) & _PAIRS
    word = (word & _FOURS) + ((word >> _TWO) & _FOURS)
    word = (word + (word >> _FOUR)) & _EIGHTS
    return signed((word * _BYTES) >> _TOP_BYTE)
