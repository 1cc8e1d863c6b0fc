"""What a row of the catalogue is made of."""

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Final

from app.model.guest import Capability, EventKind
from collector.codes import SAW_ENTER, SAW_EXIT, SAW_STRUCT, CallCode, RecordCode

NOT_THERE = -1
"""In place of an index in a call's v."""


CALL: Final = SAW_ENTER | SAW_EXIT
STRUCT: Final = CALL | SAW_STRUCT
"""Flags of CALL that letters have."""


class Recorded(Enum):
    """By whom an event is asked for."""

    ALWAYS = "by every recorder"
    FAULTS = "by the recipes, and live where faults are wished for"
    BACKING = "live, of the files of one device, where backing is wished for"
    FILTERED = "live: others have results alike, so what is read back needs the filter"
    AS_PROBE = "where the kernel takes probes"
    BY_OTHERS = "by nobody here; it is known where others recorded it"


@dataclass(frozen=True, slots=True)
class Part:
    """One summand of v[index]: a field by its name, or a constant where the event lacks it."""

    index: int
    name: str
    default: int | None = None  # None: the field must be there
    shift: int = 0


def parts(*names: str, first: int = 0) -> tuple[Part, ...]:
    """v[first], v[first + 1], ..."""
    return tuple(Part(index, name) for index, name in enumerate(names, first))


@dataclass(frozen=True, slots=True)
class Shape:
    """Fields that show what a probe, or a tracepoint that was renamed, is: any name may be its."""

    parts: tuple[Part, ...]
    flags: int = 0

    def fits(self, names: frozenset[str]) -> bool:
        wanted = {part.name for part in self.parts if part.default is None}
        return wanted <= names <= {part.name for part in self.parts}


@dataclass(frozen=True, slots=True)
class Store:
    """Where a number of a line goes: v[index] += factor * number << shift (>> where negative)."""

    index: int
    shift: int = 0
    factor: int = 1

    def row(self) -> tuple[int, int, int]:
        return self.index, self.shift, self.factor


def constant(index: int, value: int) -> Store:
    """Of the number 1."""
    return Store(index, factor=value)


@dataclass(frozen=True, slots=True)
class Line:
    """One way in which TP_printk prints the event; collector.trace.text defines what the marks of
    a pattern mean. `stores` are of the pattern's numbers in order, by default v[0], v[1], ..."""

    pattern: str
    stores: tuple[Store, ...] = ()
    constants: tuple[Store, ...] = ()


@dataclass(frozen=True, slots=True)
class Test:
    """A comparison that the kernel makes before it records an event."""

    field: str
    operator: str
    number: str


@dataclass(frozen=True, slots=True)
class Filter:
    """All of `every`, and one of `any` if there are some."""

    any: tuple[Test, ...] = ()
    every: tuple[Test, ...] = ()

    def text(self) -> str:
        """As tracefs, trace-cmd and perf take it: one word."""
        return self._joined("&&", "||", "{0.field}{0.operator}{0.number}")

    def of_bpftrace(self) -> str:
        return self._joined(" && ", " || ", "args->{0.field} {0.operator} {0.number}")

    def _joined(self, all_of: str, one_of: str, test: str) -> str:
        choice = one_of.join(map(test.format, self.any))
        if self.every and len(self.any) > 1:
            choice = f"({choice})"
        return all_of.join([*map(test.format, self.every), *([choice] if choice else [])])


def one_of(field: str, *numbers: int, base: str = "d") -> Filter:
    prefix = "#" if base == "x" else ""
    return Filter(tuple(Test(field, "==", f"{number:{prefix}{base}}") for number in numbers))


def commands(*numbers: int) -> Filter:
    """Ioctls, which everyone writes in hexadecimal."""
    return one_of("cmd", *numbers, base="x")


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe that reads what KVM is asked for, as the kernel's dynamic_events takes it.

    `kind`:GROUP/`name` `place` `fields`, with `condition` for event probes: `if condition`. A
    kprobe takes its condition as the filter of its event in a tracing instance.
    """

    kind: str  # "e" or "p"
    name: str
    place: str
    fields: str
    condition: str
    costs: str  # what is not seen without it

    def definition(self, group: str) -> str:
        text = f"{self.kind}:{group}/{self.name} {self.place} {self.fields}"
        return f"{text} if {self.condition}" if self.kind == "e" else text


class Range(IntEnum):
    """How the range of a call is known."""

    BY_STRUCT = 0
    """If the user's struct, or the request that led to it, was seen."""
    ALWAYS = 1
    NOT_HERE = 2
    """It takes more than the call to be known, as a memslot's place does."""


class VmBy(IntEnum):
    """How the VM of a call is found."""

    NONE = 0
    VM_IOCTL = 1
    VCPU = 2
    FILE = 3


@dataclass(frozen=True, slots=True)
class Letter:
    """A kind of line that the bpftrace program prints: see collector.trace.bpftrace.

    `values`: how many numbers follow the line's head; `ioctl`: whose struct, or whose argument
    where that is a number, those are; `fields`: which fields of the event they are, where the line
    prints it as it is; `packs`: which of the record's v it prints instead."""

    letter: str
    name: str
    flags: int  # of CALL
    values: int = 0
    ioctl: int | None = None
    fields: tuple[str, ...] = ()
    packs: int | None = None
    is_caused: bool = False  # the guest may have asked for it
    has_vcpu: bool = False  # by its last value


@dataclass(frozen=True, slots=True)
class Call:
    """What a record becomes: a call, and the kind of event that it is stored as.

    `address`, `size` and `aux` are indices in its v. `copies`, of an observation: the indices, in
    the record's v, of v[0], v[1], ... of the call; () where it takes a function of pairing. `vcpu`:
    the index, in the record's v, of the vCPU that the thread runs.
    """

    code: CallCode
    kind: EventKind | None = None
    is_system_call: bool = False
    address: int = NOT_THERE
    size: int = NOT_THERE
    aux: int = NOT_THERE
    range: Range = Range.NOT_HERE
    vm_by: VmBy = VmBy.NONE
    is_flood: bool = True  # followed by the thousand, not one by one
    copies: tuple[int, ...] = ()
    vcpu: int = NOT_THERE
    letters: tuple[Letter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelEvent:
    """One row. `points` are tracepoints ("system:name") that record the same, the usual one first;
    `gives` what a recording that has the event can answer, `without` what a kernel that lacks it
    costs ("": nothing worth a word)."""

    code: RecordCode
    recorded: Recorded
    points: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    shapes: tuple[Shape, ...] = ()
    probes: tuple[Probe, ...] = ()
    lines: tuple[Line, ...] = ()
    filter: Filter | None = None
    returns: RecordCode | None = None
    """What its return is, of a system call or a function."""
    functions: tuple[str, ...] = ()
    """Those of the kernel's whose kprobe it is, by their symbols."""
    return_gives: frozenset[Capability] = field(default_factory=frozenset)
    calls: tuple[Call, ...] = ()
    gives: frozenset[Capability] = field(default_factory=frozenset)
    without: str = ""
    is_essential: bool = False
    """Nothing can be recorded without it."""

    @property
    def is_known_by_fields(self) -> bool:
        """A tracepoint of KVM that has had, or may get, other names."""
        return bool(self.points and self.shapes) and not self.parts

    @property
    def has_event_probe(self) -> bool:
        """Its shapes are those of probes on a system call."""
        return bool(self.shapes) and not self.functions and not self.is_known_by_fields
