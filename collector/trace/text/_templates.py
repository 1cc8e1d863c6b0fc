"""How the lines of an event look, and where their numbers go: as tables for compiled code.

A pattern is the text that the kernel's TP_printk makes of an event, with these in place of what
varies:  # a decimal number, or a hexadecimal one with 0x;  % a hexadecimal one, with 0x or without;
$ such a one that is a 32-bit int;  ~ anything, up to what follows in the pattern;  ## a # itself. A
blank is one or more. What a line has beyond its pattern is passed over: kernels add fields at the
end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from collector.kvm.catalogue import Store as Store, constant as constant

NUMBER, HEX, INT, ANYTHING = 1, 2, 3, 4
"""Instructions of a pattern; all others are characters."""
_INSTRUCTIONS = {"#": NUMBER, "%": HEX, "$": INT, "~": ANYTHING, "\0": ord("#")}

NO_PLAN = -1

# Columns of the tables.
CODE, FLAGS, FIRST_BYTE, END_BYTE, FIRST_STORE, FIRST_CONSTANT, END_STORE, ALTERNATIVE = range(8)
INDEX, SHIFT, FACTOR = range(3)


@dataclass(frozen=True, slots=True)
class Template:
    """One way in which the lines of an event may look.

    `stores` are of the pattern's numbers, in order; by default v[0], v[1], ... `constants` are
    what the lines do not hold.
    """

    code: int
    pattern: str
    stores: tuple[Store, ...] = ()
    constants: tuple[Store, ...] = ()  # of the number 1
    flags: int = 0

    def instructions(self) -> bytes:
        return bytes(_INSTRUCTIONS.get(character, ord(character)) for character in self._marked())

    def all_stores(self) -> tuple[Store, ...]:
        numbers = sum(self._marked().count(mark) for mark in "#%$")
        stores = self.stores or tuple(Store(index) for index in range(numbers))
        if len(stores) != numbers:
            raise ValueError(f"{len(stores)} places for {numbers} numbers: {self.pattern}")
        return stores

    def _marked(self) -> str:
        return self.pattern.replace("##", "\0")


@dataclass(slots=True)
class TemplateTables:
    """Templates as arrays. They grow when an event is met for the first time.

    plans: int64[n, 8], instructions: uint8[m], stores: int64[k, 3]; columns are named above.
    """

    plans: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((1, 8), np.int64))
    instructions: npt.NDArray[np.uint8] = field(default_factory=lambda: np.zeros(1, np.uint8))
    stores: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((1, 3), np.int64))

    def add(self, templates: Sequence[Template]) -> int:
        """The number of the plan that tries these templates in turn."""
        first = len(self.plans)
        for i, template in enumerate(templates):
            is_last = i == len(templates) - 1
            self._add_one(template, NO_PLAN if is_last else len(self.plans) + 1)
        return first if templates else NO_PLAN

    def _add_one(self, template: Template, alternative: int) -> None:
        instructions, stores = template.instructions(), template.all_stores()
        first_byte, first_store = len(self.instructions), len(self.stores)
        first_constant = first_store + len(stores)
        plan = (
            template.code,
            template.flags,
            first_byte,
            first_byte + len(instructions),
            first_store,
            first_constant,
            first_constant + len(template.constants),
            alternative,
        )
        self.plans = np.vstack((self.plans, np.array([plan], np.int64)))
        self.instructions = np.append(self.instructions, np.frombuffer(instructions, np.uint8))
        rows = [store.row() for store in (*stores, *template.constants)]
        added = np.array(rows, np.int64).reshape(len(rows), 3)
        self.stores = np.vstack((self.stores, added))
