"""What the lines of the bpftrace program become: one letter, one kind of call.

    LETTER entry duration tgid<<32|tid cpu<<40|cause<<32|fd result value...
All numbers are hexadecimal without sign or leading zeros; times are ns of the boot clock. Lines of
two other kinds: `T now cpu` reports that the CPU has reported everything up to now, `n tgid<<32|tid
comm` names the thread whose CREATE_VM follows.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from collector.codes import CallCode
from collector.kvm.catalogue import Letter, calls

HEAD_FIELDS = 5
TICK = ord("T")
NAME = b"n"


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of line, and what it becomes."""

    code: CallCode
    letter: Letter

    @property
    def name(self) -> str:
        return self.letter.name

    @property
    def values(self) -> int:
        """How many follow the head."""
        return self.letter.values


SHAPES: dict[str, Shape] = {
    letter.letter: Shape(call.code, letter) for call in calls().values() for letter in call.letters
}

# Columns of the table that compiled code looks letters up in.
FIELDS = 0  # with the head; 0: no such letter
CODE = 1
FLAGS = 2
IS_CAUSED = 3
HAS_VCPU = 4
COUNT = 5  # lines so far
WIDTH = 6


def shape_table() -> npt.NDArray[np.int64]:
    """(256, WIDTH), by the letter's byte."""
    table = np.zeros((256, WIDTH), np.int64)
    for letter, shape in SHAPES.items():
        one = shape.letter
        fields = HEAD_FIELDS + shape.values
        table[ord(letter)] = (fields, shape.code, one.flags, one.is_caused, one.has_vcpu, 0)
    table[TICK, FIELDS] = 2
    return table
