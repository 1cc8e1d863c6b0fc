"""What a text trace holds before its first event."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_HEAD_BYTES = 1 << 18
_NS = 1_000_000_000
_EVENT = re.compile(r"# event : name = ([\w-]+:\w+), ")
_ENTRIES = re.compile(r"^# entries-in-buffer/entries-written: (\d{1,15})/(\d{1,15}) ", re.MULTILINE)
_CLOCKS = {
    "monotonic": "mono",
    "monotonic_raw": "mono_raw",
    "boottime": "boot",
    "realtime": "realtime",
    "tai": "tai",
}
"""perf's names of clocks (tools/perf/util/clockid.c) as ftrace calls them."""


@dataclass(frozen=True, slots=True)
class TextHead:
    host: str = ""
    kernel_release: str | None = None
    clock: str = "unknown"
    wall_minus_clock_ns: int | None = None
    events: tuple[str, ...] = ()  # that were to be recorded, whether any came or not
    overwritten: int = 0  # events that are older than all that are there

    @classmethod
    def of_perf_script(cls, path: Path) -> Self:
        """From the lines of `perf script --header`, if there are any."""
        with path.open("rb") as file:
            lines = file.read(_HEAD_BYTES).decode(errors="replace").split("\n")
        facts = dict(
            line.removeprefix("# ").split(":", 1)
            for line in lines
            if line.startswith("# ") and ":" in line
        )
        facts = {key.strip(): value.strip() for key, value in facts.items()}
        return cls(
            facts.get("hostname", ""),
            facts.get("os release"),
            _clock(facts.get("clockid", "")),
            _wall_minus_clock(facts.get("reference time", "")),
            tuple(found[1] for line in lines if (found := _EVENT.match(line))),
        )

    @classmethod
    def of_trace_file(cls, path: Path) -> Self:
        """From the comment that the tracing file `trace` begins with."""
        with path.open("rb") as file:
            found = _ENTRIES.search(file.read(_HEAD_BYTES).decode(errors="replace"))
        return cls(overwritten=0 if found is None else max(0, int(found[2]) - int(found[1])))


def _clock(clockid: str) -> str:
    """Without -k, perf takes times from the clock that ftrace calls perf."""
    name = clockid.split(" ", 1)[0]
    return _CLOCKS.get(name, "perf")


def _wall_minus_clock(reference: str) -> int | None:
    """From `2026-11-22 20:59:08.182339 = 1795381148.182339 (TOD) = 12188.029231955 (monotonic)`."""
    found = re.search(r"= (\d{1,10})\.(\d{1,9}) \(TOD\) = (\d{1,10})\.(\d{1,9}) ", reference)
    if found is None:
        return None
    wall, clock = (int(found[i]) * _NS + int(found[i + 1].ljust(9, "0")) for i in (1, 3))
    return wall - clock
