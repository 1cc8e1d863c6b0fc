"""Hot loops: Python functions over arrays that become machine code. Only this room knows numba.

A module marks its loops with `hot_in_place` or `hot_part` (`_loops`). The first call of one imports
numba, which compiles it or takes the code that an earlier process kept (`_compiling`). Code is kept
in one folder for each state of the sources (`_code_folder`). What several loops need is here, too:
the hash table (`_hash_table`), searching (`_search`), words of bits (`_bits`), rows moved at once
(`_whole_rows`).
"""

from app.compiled._bits import ALL_BITS, NO_BITS, lowest_bit, ones, set_bits
from app.compiled._hash_table import mixed, slot_of
from app.compiled._loops import constant, hot_in_place, hot_part, load_compiler, signed
from app.compiled._search import first_where, interval_at
from app.compiled._whole_rows import whole

__all__ = [
    "ALL_BITS",
    "NO_BITS",
    "constant",
    "first_where",
    "hot_in_place",
    "hot_part",
    "interval_at",
    "load_compiler",
    "lowest_bit",
    "mixed",
    "ones",
    "set_bits",
    "signed",
    "slot_of",
    "whole",
]
