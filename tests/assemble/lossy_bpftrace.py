"""What bpftrace prints of a guest, if its buffers hold few lines and it does not always read them
in time: a full buffer loses what comes until it is read, and tells so before the next line."""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from collector.recipes import FIRST_LINE
from collector.records import CallArray
from collector.trace.bpftrace import SHAPES
from tests.assemble.lossy_guest import MAIN, PRIVATE, START_NS, VM_FD, Guest, TrueCall

UNIT_NS = 1_000_000
"""How long what takes a nanosecond in a Guest takes here."""
TICK_NS = 250_000_000
LINE_NS = 2_000_000  # to print one
HEADER = f"{FIRST_LINE}; times\n# watches causes conversions conversion-ranges vm-creation\n"
PROCESS = 90
BEGIN_NS = 10**12


def at(t: int) -> int:
    """The time in the log of a time of a Guest's."""
    return BEGIN_NS + (t - START_NS) * UNIT_NS


def slow(true: Guest) -> Guest:
    """The same guest by the times of its log."""
    return Guest([replace(call, t0=at(call.t0), t1=at(call.t1)) for call in true.calls])


@dataclass
class Buffer:
    """One CPU's: `lines` of (time, text) that are not printed yet."""

    cpu: int
    size: int
    lines: list[tuple[int, str]] = field(default_factory=list)
    lost: int = 0

    def write(self, t: int, text: str) -> None:
        if len(self.lines) >= self.size:
            self.lost += 1
            return
        if self.lost:
            text, self.lost = f"Lost {self.lost} events\n{text}", 0
        self.lines.append((t, text))


Line = tuple[int, int, str]
"""When it is written, by which CPU, and what."""


def printed(written: Sequence[Line], seed: int, cpus: int, size: int) -> Iterator[tuple[int, str]]:
    """When something is printed, and what, until everything is. `size`: lines of a buffer.

    `written` is in order of time. Mostly bpftrace reads its buffers several times a second.
    """
    choose = random.Random(seed)
    buffers = [Buffer(cpu, size) for cpu in range(cpus)]
    wall, end, taken = written[0][0], written[-1][0] + 2 * TICK_NS, 0
    while wall < end:
        pauses = (20, 50, 100, 150, 200) if choose.random() < 0.9 else (800, 2500, 5000)
        wall += choose.choice(pauses) * UNIT_NS
        text = ""
        for buffer in choose.sample(buffers, len(buffers)):
            while taken < len(written) and written[taken][0] <= wall:
                t, cpu, line = written[taken]
                buffers[cpu].write(t, line)
                taken += 1
            text += "".join(line for _, line in buffer.lines)
            wall += LINE_NS * len(buffer.lines)
            buffer.lines.clear()
        yield wall, text
    for buffer in buffers:
        buffer.write(wall, f"T {wall:x} {buffer.cpu:x}\n")
    yield wall, "".join(line for buffer in buffers for _, line in buffer.lines)


def with_ticks(lines: Iterable[Line], cpus: int, *, idle_ticks: bool = True) -> list[Line]:
    """Each CPU says four times a second that it has said everything; without `idle_ticks` not
    while nothing happens there."""
    result = sorted(lines)
    first, last = result[0][0] - TICK_NS, result[-1][0]
    for cpu in range(cpus):
        times = [t for t, of, _ in result if of == cpu]
        for number, t in enumerate(range(first, last + 4 * TICK_NS, TICK_NS)):
            is_awake = any(0 <= t - then < 2 * TICK_NS for then in times)
            if idle_ticks or is_awake or number < 4 or t > last:
                result.append((t + cpu, cpu, f"T {t + cpu:x} {cpu:x}\n"))
    return sorted(result)


def lines_of_guest(true: Guest, seed: int, cpus: int) -> Iterator[Line]:
    choose = random.Random(seed)
    t = START_NS + 500
    yield at(t), 0, _line("V", START_NS, t, MAIN, 0, 4, VM_FD, 1)
    for call in true.calls:
        cpu = choose.randrange(cpus)
        yield at(call.t1), cpu, _conversion(call, cpu)


def lines_of_calls(calls: CallArray, process_of: Mapping[int, int]) -> Iterator[Line]:
    """Those of any calls that system calls make, as the recipe's program writes them."""
    letters = {int(shape.code): letter for letter, shape in SHAPES.items() if letter != "R"}
    for call in calls:
        letter = letters.get(int(call["code"]))
        if letter is None or letter not in "AVUMSFC":
            continue
        cpu, tid = int(call["cpu"]), int(call["tid"])
        cause = int(call["cause"])
        head = (
            int(call["ts_enter"]),
            int(call["ts_exit"] - call["ts_enter"]),
            process_of[tid] << 32 | tid,
            cpu << 40 | cause << 32 | int(call["fd"]) & 0xFFFFFFFF,
            int(call["ret"]) & (1 << 64) - 1,
        )
        values = [int(v) for v in call["v"][: SHAPES[letter].values]]
        yield (
            int(call["ts_exit"]),
            cpu,
            letter + "".join(f" {n:x}" for n in (*head, *values)) + "\n",
        )


def _conversion(call: TrueCall, cpu: int) -> str:
    gpa, size = call.gfn << 12, call.npages << 12
    values = (gpa, size, PRIVATE * call.is_private, 0)
    cause = 1 if call.is_asked else 3
    return _line("A", call.t0, call.t1, call.tid, cpu << 8 | cause, VM_FD, call.ret, *values)


def _line(
    letter: str, t0: int, t1: int, tid: int, where: int, fd: int, ret: int, *values: int
) -> str:
    who = PROCESS << 32 | tid
    head = (at(t0), at(t1) - at(t0), who, where << 32 | fd, ret & (1 << 64) - 1)
    return letter + "".join(f" {number:x}" for number in (*head, *values)) + "\n"
