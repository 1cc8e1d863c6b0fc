"""How the lines of an event look, and where their numbers go: as tables for compiled code.

A pattern is the text that the kernel's TP_printk makes of an event, with these in place of what
varies:  # a decimal number, or a hexadecimal one with 0x;  % a hexadecimal one, with 0x or without;
$ such a one that is a 32-bit int;  ~ anything, up to what follows in the pattern;  ## a # itself. A
blank is one or more. What a line has beyond its pattern is passed over: kernels add fields at the
end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from collector.kvm.catalogue import Store as Store, constant as constant
from collector.trace.text._tables import NO_PLAN, PLAN, STORE, ScanTables

NUMBER, HEX, INT, ANYTHING = 1, 2, 3, 4
"""Instructions of a pattern; all others are characters."""
_INSTRUCTIONS = {"#": NUMBER, "%": HEX, "$": INT, "~": ANYTHING, "\0": ord("#")}


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


def with_templates(tables: ScanTables, templates: Sequence[Template]) -> tuple[ScanTables, int]:
    """The tables with a plan that tries these templates in turn, and its number."""
    first = len(tables.plans)
    for i, template in enumerate(templates):
        is_last = i == len(templates) - 1
        tables = _with_one(tables, template, NO_PLAN if is_last else len(tables.plans) + 1)
    return tables, first if templates else NO_PLAN


def _with_one(tables: ScanTables, template: Template, alternative: int) -> ScanTables:
    instructions, stores = template.instructions(), template.all_stores()
    first_byte, first_store = len(tables.instructions), len(tables.stores)
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
    rows = [store.row() for store in (*stores, *template.constants)]
    return tables._replace(
        plans=np.append(tables.plans, np.array([plan], PLAN)),
        instructions=np.append(tables.instructions, np.frombuffer(instructions, np.uint8)),
        stores=np.append(tables.stores, np.array(rows, STORE)),
    )
