"""What per_cpu/cpu*/stats tell of lost events (option CPUSTAT)."""

import re
from collections.abc import Iterable

_LINE = re.compile(r"^\s*([A-Za-z ]+?):\s*(\d{1,15})\s*$", re.MULTILINE)
_LOSSES = (
    "overrun",  # overwritten before they were read
    "commit overrun",  # written by interrupts while the buffer wrapped around
    "dropped events",  # not written: the buffer was full and may not be overwritten
)


def losses_by_cpu(stats: Iterable[str]) -> dict[int, int]:
    """Events lost by CPU, from one stats text per CPU as trace-cmd saves them."""
    lost: dict[int, int] = {}
    for text in stats:
        numbers = {name: int(number) for name, number in _LINE.findall(text)}
        if "CPU" in numbers:
            lost[numbers["CPU"]] = sum(numbers.get(name, 0) for name in _LOSSES)
    return lost
