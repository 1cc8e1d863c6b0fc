"""Coarse summaries of one VM, written as its segments are sealed: a pyramid over the recording.

One of level L stands for 4^L consecutive segments. Where a group is not complete, readers take
finer ones: nothing but time depends on a coarse summary. It is made from what the database holds,
so that many VMs need no memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from app.model.raster import coarsen
from app.model.stats import BIN_SHIFT
from app.store.segments import PARTITIONED_LEVEL
from app.store.write._coarse_rows import (
    Parts,
    Summarised,
    Tiling,
    insert_coarse,
    read_coarse,
    read_segments,
    read_waiting,
)
from app.store.write._partition_rows import write_partitions

FAN_OUT = 4
QUANTA = 64
"""As of a segment: a coarse summary has more than half as many, and at most one more."""
LONGEST_QUANTUM_SHIFT = 48
"""Sums of moments stay whole numbers of 62 bits; 64 such quanta are half a year."""
TIMELINE_QUANTA = 1 << 12
"""A timeline has more quanta than cells have, for storms are found by it: at most so many."""
FROM_SEGMENTS = PARTITIONED_LEVEL
"""Up to this level: the first has no low blocks of which the next could be made."""
HIGHER_BY = 2
"""Shifts by which blocks are higher than those of segments: as many as a screen's height needs."""
TILES = 8
"""From the second level on, blocks as low as those of the segments are kept as well, in no more
tiles of about as many cells each: a window of less memory reads few of them."""
CELLS_PER_TILE = 1 << 12
"""Fewer are read as fast together; and a tile has some kilobytes beside its cells."""


@dataclass(slots=True)
class CoarseSummaries:
    """Those that the sealed segments of a VM become."""

    vm_id: int
    group_ns: int | None = None
    """A group ends after so long, however few its segments: retention takes whole groups."""
    _waiting: dict[int, list[Summarised]] = field(default_factory=dict)  # by level

    def add(self, connection: Connection, segment: Summarised) -> bool:
        """A segment that was just sealed. Returns whether it is the last of a group."""
        segments = self._waiting.setdefault(0, [])
        segments.append(segment)
        if len(segments) % FAN_OUT == 0:
            self._write(connection, 1, segments[-FAN_OUT:])
        span = segment.times[1] - segments[0].times[0]
        is_long = self.group_ns is not None and span >= self.group_ns
        if not is_long and len(segments) < FAN_OUT**PARTITIONED_LEVEL:
            return False
        return self.end_group(connection)

    def end_group(self, connection: Connection) -> bool:
        """Returns whether there was any."""
        segments = self._waiting.pop(0, [])
        if not segments:
            return False
        made = self._go_up(connection, PARTITIONED_LEVEL, segments)
        if made is not None:
            write_partitions(connection, made.id, [one.id for one in segments])
        return made is not None

    def go_on(self, connection: Connection) -> None:
        """With what another writer left."""
        self._waiting = read_waiting(connection, self.vm_id)

    @property
    def last_waiting_id(self) -> int | None:
        """Of the last segment, unless a group ended with it."""
        segments = self._waiting.get(0)
        return segments[-1].id if segments else None

    def begin_anew(self) -> None:
        """A segment came that has no summary: none can reach across it."""
        self._waiting.clear()

    def _go_up(
        self, connection: Connection, level: int, parts: Sequence[Summarised]
    ) -> Summarised | None:
        """As `_write`, and what it completes."""
        made = self._write(connection, level, parts)
        if made is None:
            self.begin_anew()
            return None
        waiting = self._waiting.setdefault(level, [])
        waiting.append(made)
        if len(waiting) == FAN_OUT:
            self._waiting[level] = []
            self._go_up(connection, level + 1, waiting)
        return made

    def _write(
        self, connection: Connection, level: int, parts: Sequence[Summarised]
    ) -> Summarised | None:
        """None if it cannot be written: a part is damaged, or times are too long."""
        times = parts[0].times[0], parts[-1].times[1]
        shifts = [((times[1] - times[0]) // QUANTA).bit_length(), *(p.quantum_shift for p in parts)]
        quantum_shift, block_shift = max(shifts), max(part.block_shift for part in parts)
        if quantum_shift > LONGEST_QUANTUM_SHIFT:
            return None
        read = read_segments if level <= FROM_SEGMENTS else read_coarse
        found: Parts | None = read(connection, parts)
        if found is None:
            return None
        fine = coarsen(found.cells, quantum_shift, block_shift)
        wide = coarsen([fine], quantum_shift, block_shift + HIGHER_BY)
        tiles = min(TILES, 1 + len(fine.cells) // CELLS_PER_TILE)
        tilings = [Tiling(wide, 1), Tiling(fine, tiles)]
        made = Summarised(
            id=0,
            times=times,
            quantum_shift=quantum_shift,
            timeline_shift=_timeline_shift(parts, quantum_shift),
            block_shift=block_shift,
        )
        stored = tilings[: 1 if level == 1 else 2]
        return insert_coarse(connection, self.vm_id, level, made, found, stored)


def _timeline_shift(parts: Sequence[Summarised], quantum_shift: int) -> int:
    """As short as the bins in which storms are found, where that is not too many."""
    span = parts[-1].times[1] - parts[0].times[0]
    shortest = max(BIN_SHIFT, (span // TIMELINE_QUANTA).bit_length())
    return max(min(quantum_shift, shortest), *(part.timeline_shift for part in parts))
