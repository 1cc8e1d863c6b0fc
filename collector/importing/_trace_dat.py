"""A trace.dat file: decoded, paired, and described by what is really in it."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from collector.codes import RecordCode
from collector.coverage import Capability
from collector.description import SourceDescription
from collector.kvm.catalogue import codes_giving
from collector.pairing import SyscallTracker
from collector.records import CallArray, RecordArray
from collector.trace.errors import InputError
from collector.trace.tracedat import MAGIC, open_trace_dat

LOOK_AHEAD_RECORDS = 1 << 18
"""How many records to see before the first call is given a cause: are exits recorded at all?"""

_ANY_OF = {capability: codes_giving(capability) for capability in Capability}


def capabilities(counts: npt.NDArray[np.int64]) -> dict[str, bool]:
    """Capability -> can it be had from a recording with so many records of each RecordCode."""
    present = {RecordCode(code) for code in np.flatnonzero(counts).tolist()}
    return {c.value: bool(codes & present) for c, codes in _ANY_OF.items() if codes}


class TraceDatFile:
    """One trace.dat. Looks at its first records when opened."""

    @staticmethod
    def detects(head: bytes) -> bool:
        return head.startswith(MAGIC)

    def __init__(self, path: Path) -> None:
        """Raises InputError if the file cannot be decoded at all."""
        self.path = path
        self._trace = open_trace_dat(path)
        self._counts = np.zeros(256, dtype=np.int64)
        self._batches = self._trace.records()
        self._seen_ahead = self._look_ahead()

    @property
    def bytes_read(self) -> None:
        """How much of the file was read is not known: it is decoded out of order."""

    @property
    def lost_events(self) -> int:
        return self._trace.lost_events

    def describe(self) -> SourceDescription:
        trace = self._trace
        wall = trace.wall_minus_clock_ns
        return SourceDescription(
            format="trace.dat",
            clock=trace.clock,
            clock_start_ns=trace.start_ns,
            host=trace.host,
            kernel_release=trace.kernel_release,
            sees=self.sees(),
            notes=trace.notes,
            events_present=trace.events_present,
            command_names=trace.command_names,
            wall_start_ns=None if wall is None else wall + trace.start_ns,
        )

    def sees(self) -> dict[str, bool]:
        """By the records met so far: all events of a system have formats, recorded or not.

        But nobody adds a probe that he does not record.
        """
        counts = self._counts.copy()
        counts[[int(code) for code in self._trace.probes_gathered]] += 1
        sees = capabilities(counts)
        sees[Capability.IN_PLACE_CONVERSIONS] = self._trace.has_in_place_events
        return sees

    def event_counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """Events by name met so far: those that were used, and those that are not needed."""
        counts = self._trace.counts_by_event()
        used = set(self._trace.events_gathered)
        return (
            {name: n for name, n in counts.items() if name in used},
            {name: n for name, n in counts.items() if name not in used},
        )

    def batches(self) -> Iterator[CallArray]:
        """Calls in order of effect time. Raises InputError at the end if the file was damaged."""
        pairing = SyscallTracker()
        if self._counts[RecordCode.USERSPACE_EXIT]:
            pairing.expect_userspace_exits()
        for records in chain(self._seen_ahead, self._rest()):
            yield pairing.add(records)
        yield pairing.finish()
        self._raise_if_damaged()

    def close(self) -> None:
        self._trace.close()

    def _look_ahead(self) -> list[RecordArray]:
        seen: list[RecordArray] = []
        for records in self._rest():
            seen.append(records)
            is_settled = self._counts[RecordCode.USERSPACE_EXIT] > 0
            if is_settled or sum(map(len, seen)) >= LOOK_AHEAD_RECORDS:
                break
        return seen

    def _rest(self) -> Iterator[RecordArray]:
        for records in self._batches:
            self._counts += np.bincount(records["code"], minlength=256)
            yield records

    def _raise_if_damaged(self) -> None:
        problems = self._trace.problems
        if problems:
            more = f" (and {len(problems) - 1} more places)" if len(problems) > 1 else ""
            first = problems[0]
            cpu = "" if first.cpu is None else f"CPU {first.cpu}: "
            reason = f"{cpu}{first.reason}{more}"
            raise InputError(self.path, first.offset, reason)
