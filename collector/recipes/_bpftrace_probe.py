"""What the bpftrace program is made of: probes, and the lines that they print.

Every line is a letter and numbers in hexadecimal; see collector.trace.bpftrace. Maps: @call what a
thread is in, @run the vCPU's fd it runs (plus one) and why it came back (32 bits up: 1 its guest
asked, 2 its guest touched a page, 3 neither, 0 it never ran one), @vmm the processes that own VMs,
@file their descriptors of VMs and guest_memfds.
"""

from dataclasses import dataclass

from collector.coverage import Capability
from collector.kvm.catalogue import KernelEvent

HEAD = "%llx %llx %llx %llx %llx"
"""Entry (ns), duration (ns), tgid << 32 | tid, cpu << 40 | cause << 32 | fd, result."""
WHO = "((uint64)pid << 32) | (uint64)tid"
CPU = "((uint64)cpu << 40)"
NEITHER = 3 << 32
_RUN_FD = "((@run[tid] - 1) & 0xffffffff)"


@dataclass(frozen=True, slots=True)
class Probe:
    """What to do at one of several events; those that a kernel does not have are left out."""

    points: tuple[str, ...]  # "system:name"
    body: str
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Watch:
    """Probes that belong together. It sees nothing where one of them has no event left."""

    sees: frozenset[Capability]
    probes: tuple[Probe, ...]


def line(letter: str, head: str, *values: str) -> str:
    return f'printf("{letter} {HEAD}{" %llx" * len(values)}\\n", {", ".join((head, *values))});'


def event(letter: str, *values: str, fd: str = _RUN_FD, result: str = "(uint64)0") -> str:
    """Print what takes no time; `fd`: by default, that of the vCPU that the thread runs."""
    head = f"(uint64)nsecs, (uint64)0, {WHO}, {fd} | {CPU}, {result}"
    return line(letter, head, *values)


def is_printed(row: KernelEvent) -> bool:
    """Whether its line says all that the program has to do at it."""
    letters = [letter for call in row.calls for letter in call.letters]
    return len(letters) == 1 and (bool(letters[0].fields) or letters[0].packs is not None)


def printed(row: KernelEvent, condition: str = "", fd: str = _RUN_FD) -> Probe:
    """Print what an observation holds, as it is."""
    (call,) = row.calls
    (letter,) = call.letters
    values = [f"(uint64)args->{field}" for field in letter.fields]
    if letter.packs is not None:
        values = [_packed(row, letter.packs)]
    return Probe(row.points, f"  {event(letter.letter, *values, fd=fd)}", condition)


def _packed(row: KernelEvent, index: int) -> str:
    """v[index] of the event's record, from its parts."""
    parts = (part for part in row.parts if part.index == index)
    return " | ".join(f"((uint64)args->{part.name} << {part.shift})" for part in parts)


def condition_of(row: KernelEvent) -> str:
    return "" if row.filter is None else row.filter.of_bpftrace()
