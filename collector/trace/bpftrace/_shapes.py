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

SHAPE_ROW = np.dtype(
    [
        ("fields", "<i8"),  # with the head; 0: no such letter
        ("code", "<i8"),  # CallCode
        ("flags", "<i8"),  # of CALL
        ("is_caused", "<i8"),
        ("has_vcpu", "<i8"),
        ("count", "<i8"),  # lines so far
    ]
)


def shape_table() -> npt.NDArray[np.void]:
    """[256] SHAPE_ROW, by the letter's byte: what compiled code looks letters up in."""
    table = np.zeros(256, SHAPE_ROW)
    for letter, shape in SHAPES.items():
        one = shape.letter
        fields = HEAD_FIELDS + shape.values
        table[ord(letter)] = (fields, shape.code, one.flags, one.is_caused, one.has_vcpu, 0)
    table["fields"][TICK] = 2
    return table
