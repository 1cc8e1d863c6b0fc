"""What per_cpu/cpu*/stats count of lost events (option CPUSTAT)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_LINE = re.compile(r"^\s*([A-Za-z ]+?):\s*(\d{1,15})\s*$", re.MULTILINE)
_OVERRUN = "overrun"  # overwritten before they were read: the next page is marked
_UNFLAGGED = (
    "commit overrun",  # written by interrupts while the buffer wrapped around
    "dropped events",  # not written: the buffer was full and may not be overwritten
)


@dataclass(frozen=True, slots=True)
class CpuLosses:
    """Events that a CPU lost: those that a page marks, at least that there were any, and those
    that none does (rb_move_tail in kernel/trace/ring_buffer.c counts them and goes on)."""

    overrun: int = 0
    unflagged: int = 0

    @property
    def all(self) -> int:
        return self.overrun + self.unflagged


def losses_by_cpu(stats: Iterable[str]) -> dict[int, CpuLosses]:
    """From one stats text per CPU as trace-cmd saves them."""
    lost: dict[int, CpuLosses] = {}
    for text in stats:
        numbers = {name: int(number) for name, number in _LINE.findall(text)}
        if "CPU" in numbers:
            unflagged = sum(numbers.get(name, 0) for name in _UNFLAGGED)
            lost[numbers["CPU"]] = CpuLosses(numbers.get(_OVERRUN, 0), unflagged)
    return lost
