"""What the bpftrace program prints, piece by piece -> calls, gaps, names, damage."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from collector.codes import CallCode
from collector.coverage import Capability
from collector.pairing import state as s
from collector.records import CALL, SIGNED_CALL, CallArray
from collector.trace.bpftrace._line_reader import LONGEST_LINE
from collector.trace.bpftrace._order import UNKNOWN_COUNT, loss
from collector.trace.bpftrace._parse import decide_directions, parse
from collector.trace.bpftrace._shapes import NAME, SHAPES
from collector.trace.bpftrace._state import Tables, empty_tables
from collector.trace.errors import InputError

ROWS = 1 << 15
READ_BYTES = 1 << 20
_FIRST_LINE = re.compile(rb"# gmemscope\.bt v(\d{1,9})")
_WATCHES = re.compile(rb"# watches ([a-z -]*)")
_HOST = re.compile(rb"# host (\S+) (\S+)")
_LOST = re.compile(rb"(?:WARNING: )?Lost (\d{1,12}) events")
_NAME = re.compile(NAME + rb" ([0-9a-f]{1,16}) (.{0,15})")
_NOISE = re.compile(rb"|[#@].*|Attach(?:ing|ed) .*|(?:INFO|WARNING|ERROR): (?!Lost ).*|\^C")
"""What bpftrace prints of itself, of its maps, and what may be between: nothing is lost by it."""
_OFFLINE_NS = 30_000_000_000  # a CPU that is silent for so long
_ROUNDS = 3
"""One CPU may have been read twice before another one was."""


def is_first_line(line: bytes) -> bool:
    return _FIRST_LINE.match(line) is not None


class Directions:
    """Finds of hypercalls, in order of time, which way they ask for."""

    def __init__(self) -> None:
        self._known = np.zeros(1, s.SHARED)

    def decide(self, calls: CallArray) -> None:
        if (calls["code"] == CallCode.HYPERCALL).any():
            decide_directions(calls.view(SIGNED_CALL), self._known)


@dataclass(slots=True)
class BpftraceReader:
    """Takes the program's output in pieces of any size. Raises InputError if it is another's."""

    path: Path
    start_ns: int = 0  # nothing is older
    command_names: dict[int, str] = field(default_factory=dict)
    host: str = ""
    kernel_release: str | None = None
    watches: frozenset[str] = frozenset()
    offset: int = 0  # of what was not read yet
    unreadable: int = 0
    first_unreadable: int = 0
    settled_ns: int = 0  # what came before was given already: gaps begin later
    _has_begun: bool = False  # the program's own first line was met
    _partial: bytes = b""
    _found: list[CallArray] = field(default_factory=list)
    _newest_call: int = 0  # its return
    _lost: int = 0
    _lost_from: int = 0
    _loss_reported: int = 0  # the newest time known when it was reported
    _tables: Tables = field(default_factory=lambda: empty_tables(ROWS))

    @property
    def first_ns(self) -> int:
        """The earliest time that was met; 0 if none was."""
        return int(self._tables.shared["first_ns"][0])

    @property
    def counts(self) -> Counter[str]:
        """Lines by name so far."""
        lines = self._tables.shapes["count"]
        found = {shape.name: int(lines[ord(letter)]) for letter, shape in SHAPES.items()}
        return Counter({name: count for name, count in found.items() if count})

    def reported_by(self, cpus: list[int], idle_since: int = 0) -> int:
        """Until when all these CPUs have reported everything.

        One that is silent is taken to have had nothing to report until `idle_since`, unless its
        buffer was full when it was read last: what it lost it reports only with the next line it
        prints.
        """
        rows = self._tables.cpus[cpus]
        reported = np.where(rows["is_full"] > 0, 0, idle_since)
        return max(self.start_ns, int(np.maximum(rows["reported"], reported).min()))

    def expect_buffers_of(self, lines: int) -> None:
        """So many lines fit into each CPU's buffer at least."""
        self._tables.shared["buffer_lines"] = lines

    def all_is_printed(self) -> None:
        """Nothing was left to be printed: every buffer had been read."""
        self._tables.shared["rounds"] += 1

    def oldest_printed(self) -> int:
        """The earliest time of what was printed since this was asked; 0: none."""
        oldest = int(self._tables.shared["oldest_ns"][0])
        self._tables.shared["oldest_ns"] = 0
        return oldest

    @property
    def newest_ns(self) -> int:
        return max(self.start_ns, int(self._tables.cpus["reported"].max()))

    @property
    def complete_ns(self) -> int:
        """Until when every CPU that ever reported has reported everything."""
        is_round = self._tables.cpus["ticks"].max() >= _ROUNDS  # all CPUs have spoken
        heard = np.flatnonzero(self._tables.cpus["reported"]).tolist()
        return self.reported_by(heard) if is_round else self.start_ns

    @property
    def loss_since(self) -> int | None:
        """Where the gap begins whose end is not known yet."""
        return self._lost_from if self._lost else None

    def read(self, file: BinaryIO) -> Iterator[CallArray]:
        while content := file.read(READ_BYTES):
            self.take(content)
            yield self.batch()
        self.finish()
        yield self.batch()

    def take(self, content: bytes) -> None:
        content = self._partial + content
        end = content.rfind(b"\n") + 1
        self._partial = content[end:]
        if len(self._partial) > LONGEST_LINE:
            raise InputError(self.path, self.offset + end, "a line without end")
        text = np.frombuffer(content, np.uint8)
        at, count = 0, 0
        while at < end:
            self._tables.shared["stops_at_tick"] = self._lost > 0
            before = at
            at, count = parse(self._tables, text, at, end, count)
            self.offset += at - before
            tick = int(self._tables.shared["tick_ns"][0])
            if tick > self._loss_reported:
                self.end_gap(self.newest_ns)
            if count == ROWS:
                self._keep(count)
                count = 0
            elif at < end and not tick:
                after = content.index(b"\n", at) + 1
                self._understand(content[at : after - 1])
                self.offset += after - at
                at = after
        self._keep(count)

    def _keep(self, count: int) -> None:
        if count:
            calls = self._tables.calls[:count].view(CALL)
            self._newest_call = max(self._newest_call, int(calls["ts_exit"].max()))
            self._found.append(calls.copy())

    def _understand(self, line: bytes) -> None:
        """A line that is no call."""
        line = line.removesuffix(b"\r")
        if version := _FIRST_LINE.match(line):
            if version[1] != b"2":
                reason = f"gmemscope.bt v{int(version[1])} is not known"
                raise InputError(self.path, self.offset, reason)
            self._has_begun = True
        elif watches := _WATCHES.fullmatch(line):
            self.watches = frozenset(watches[1].decode().split())
            self._tables.shared["has_causes"] = Capability.CAUSES in self.watches
        elif host := _HOST.fullmatch(line):
            self.host, self.kernel_release = (
                word.decode(errors="replace") for word in host.groups()
            )
        elif lost := _LOST.fullmatch(line):
            self.lose(int(lost[1]))
        elif name := _NAME.fullmatch(line):
            tid = int(name[1], 16) & 0xFFFFFFFF
            self.command_names[tid] = name[2].decode(errors="replace")
        elif self._has_begun and not _NOISE.fullmatch(line):
            self._note_unreadable()

    def _note_unreadable(self) -> None:
        """A line that cannot be read is a call that is lost: about where is known."""
        if not self.unreadable:
            self.first_unreadable = self.offset
        self.unreadable += 1
        self.lose(1)

    def lose(self, count: int) -> None:
        """So many calls were lost, later than what all CPUs have reported."""
        if not self._lost:
            self._lost_from = max(self.complete_ns, self.settled_ns)
        self._lost += count
        self._loss_reported = self.newest_ns

    def end_gap(self, at_ns: int) -> None:
        """Place what was lost: it was so before `at_ns`."""
        if self._lost:
            end = max(at_ns, self._lost_from)
            self._found.append(loss(self._lost_from, end, self._lost))
            self._lost = 0

    def batch(self) -> CallArray:
        """The calls and gaps since the last batch, not in order."""
        calls = np.concatenate((np.zeros(0, CALL), *self._found))
        self._found = []
        return calls

    def finish(self) -> None:
        """Everything was taken."""
        if self._partial.strip():
            self._note_unreadable()
        self.end_gap(self.newest_ns)
        self._distrust_end()

    def _distrust_end(self) -> None:
        """Ended by a signal, bpftrace drops what it has not printed, of one CPU more than of
        another: of the time before the newest call something may be missing."""
        cpus = self._tables.cpus
        is_alive = cpus["reported"] >= self.newest_ns - _OFFLINE_NS
        online = np.flatnonzero((cpus["ticks"] >= _ROUNDS) & is_alive)
        if len(online):
            reported = max(self.reported_by(online.tolist()), self.settled_ns)
            if self._newest_call > reported:
                self._found.append(loss(reported, self._newest_call, UNKNOWN_COUNT))

    def raise_if_damaged(self) -> None:
        if self._partial.strip() and self.unreadable == 1:
            raise InputError(self.path, self.first_unreadable, "the last line is cut off")
        if self.unreadable:
            reason = f"{self.unreadable} lines are damaged, this is the first"
            raise InputError(self.path, self.first_unreadable, reason)
