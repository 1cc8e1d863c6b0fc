"""The CPUs of a trace.dat as streams: which are read, from when on, and where they lost events."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from struct import Struct

import numpy as np
import numpy.typing as npt

from collector.trace.errors import InputError
from collector.trace.ring_buffer import (
    COMMIT_MASK,
    EVENT_IDS,
    HEADER,
    Chunk,
    CpuStream,
    DecodePlan,
    PageSizes,
    SubBufferFormat,
    UnplacedLoss,
    decode_plan,
    empty_rows,
)
from collector.trace.tracedat._blocks import BlockReader
from collector.trace.tracedat._border import LARGEST_PAGE, SMALLEST_PAGE
from collector.trace.tracedat._bytes_file import BytesFile
from collector.trace.tracedat._contents import Contents, CpuData

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


PLAIN_PIECE = 1 << 18  # bytes read at once

_COUNT = Struct("<I")  # of chunks
_SIZES = Struct("<II")  # of a chunk in the file, and of what it holds

MAX_CHUNK = 1 << 27
"""trace-cmd writes chunks of a few sub-buffers, of which none is larger than 8 MiB (LARGEST_PAGE):
one that claims more than this is damage."""


def read_chunks(blocks: BlockReader, cpu: CpuData) -> Iterator[Chunk]:
    """Yield what can be read, in order, and report where something cannot. Never raises
    InputError."""
    pieces = _compressed(blocks, cpu) if cpu.is_compressed else _plain(blocks.file, cpu)
    try:
        yield from pieces
    except InputError as error:
        yield Chunk(error.offset or cpu.offset, b"", error.reason)


def _plain(file: BytesFile, cpu: CpuData) -> Iterator[Chunk]:
    end = min(cpu.offset + cpu.size, file.size)
    for offset in range(cpu.offset, end, PLAIN_PIECE):
        yield Chunk(offset, file.read(offset, min(PLAIN_PIECE, end - offset)))
    missing = cpu.offset + cpu.size - max(end, cpu.offset)
    if missing > 0:
        yield Chunk(file.size, b"", f"the file ends {missing} bytes before the end of CPU data")


def _compressed(blocks: BlockReader, cpu: CpuData) -> Iterator[Chunk]:
    file, offset = blocks.file, cpu.offset + 4
    (count,) = _COUNT.unpack(file.read(cpu.offset, _COUNT.size))
    for _ in range(count):
        packed, unpacked = _SIZES.unpack(file.read(offset, _SIZES.size))
        if unpacked > MAX_CHUNK:
            raise InputError(file.path, offset, "the size of a compressed chunk cannot be right")
        if offset + 8 + packed > file.size:
            raise InputError(file.path, file.size, "the file ends within a compressed chunk")
        try:
            yield Chunk(offset, blocks.read(offset + 8, packed, unpacked))
        except InputError as error:
            yield Chunk(offset, b"", error.reason)
        offset += 8 + packed


ALL_BATCHES = 1 << 25  # bytes of sub-buffers held at once, over all CPUs
LARGEST_BATCH = 1 << 19
SMALLEST_BATCH = 1 << 14

_FEW_PAGES = 4


@dataclass(frozen=True, slots=True)
class CpuBuffer:
    """One CPU of one buffer."""

    cpu: CpuData
    page_size: int
    lost: CpuLosses  # by the CPU's stats


@dataclass(frozen=True, slots=True)
class PlacedLoss:
    """What a CPU's stats hold beyond its pages."""

    in_the_gap: int = 0  # the one gap without a count must be this large
    unplaced: int = 0  # lost, but it is not known when


def main_clock(contents: Contents) -> str:
    """The clock of most of the data."""
    sizes: dict[str, int] = {}
    for buffer in contents.buffers:
        sizes[buffer.clock] = sizes.get(buffer.clock, 0) + sum(cpu.size for cpu in buffer.cpus)
    return max(sizes, key=lambda clock: sizes[clock], default=contents.clock)


class CpuBuffers:
    """All CPUs of all buffers that share the main clock; times of others cannot be compared."""

    def __init__(self, blocks: BlockReader, contents: Contents, layout: SubBufferFormat) -> None:
        self._blocks = blocks
        self.clock = main_clock(contents)
        self._cpu_buffers: list[CpuBuffer] = []
        for buffer in contents.buffers:
            if buffer.clock != self.clock:
                contents.notes.append(
                    f"Buffer {buffer.name!r} is left out: its clock is {buffer.clock}, "
                    f"not {self.clock}."
                )
                continue
            lost = losses_by_cpu(contents.cpu_stats.get(buffer.name, []))
            for cpu in buffer.cpus:
                page_size = self._page_size(cpu, buffer.page_size, layout)
                self._cpu_buffers.append(CpuBuffer(cpu, page_size, lost.get(cpu.cpu, CpuLosses())))
        self._losses: list[PlacedLoss] | None = None

    @property
    def lost(self) -> tuple[int, ...]:
        return tuple(cpu_buffer.lost.all for cpu_buffer in self._cpu_buffers)

    def open(self, plan: DecodePlan, counts: npt.NDArray[np.int64]) -> list[CpuStream]:
        """Fresh streams over all CPUs; `counts` adds up the events met, by id."""
        if self._losses is None:
            self._losses = [self._place_losses(cpu_buffer) for cpu_buffer in self._cpu_buffers]
        share = ALL_BATCHES // max(len(self._cpu_buffers), 1)
        batch = max(SMALLEST_BATCH, min(LARGEST_BATCH, share))
        return [
            self._stream(cpu_buffer, plan, counts, batch, loss.in_the_gap)
            for cpu_buffer, loss in zip(self._cpu_buffers, self._losses, strict=True)
        ]

    def unplaced_losses(self) -> list[UnplacedLoss]:
        """Losses that only the stats count; known after `open`."""
        return [
            UnplacedLoss(cpu_buffer.cpu.cpu, loss.unplaced)
            for cpu_buffer, loss in zip(self._cpu_buffers, self._losses or [], strict=True)
            if loss.unplaced
        ]

    def start(self) -> int:
        """Raw time of the first event of all, 0 if there is none."""
        return min(filter(None, map(self._first_event, self._cpu_buffers)), default=0)

    def _first_event(self, cpu_buffer: CpuBuffer) -> int:
        stream = self._quick_stream(cpu_buffer, _FEW_PAGES * cpu_buffer.page_size)
        return next((stream.first for _ in _run(stream) if stream.has_events), 0)

    def _place_losses(self, cpu_buffer: CpuBuffer) -> PlacedLoss:
        """Look through the pages, if the stats count any loss at all."""
        if not cpu_buffer.lost.all:
            return PlacedLoss()
        scan = self._quick_stream(cpu_buffer, LARGEST_BATCH)
        for _ in _run(scan):
            pass
        left = max(cpu_buffer.lost.overrun - scan.counted_losses, 0)
        if scan.uncounted_gaps == 0:
            return PlacedLoss(unplaced=left + cpu_buffer.lost.unflagged)
        in_the_gap = left if scan.uncounted_gaps == 1 else 0
        return PlacedLoss(in_the_gap, cpu_buffer.lost.unflagged)

    def _quick_stream(self, cpu_buffer: CpuBuffer, batch: int) -> CpuStream:
        return self._stream(cpu_buffer, decode_plan([]), np.zeros(EVENT_IDS, np.int64), batch, 0)

    def _stream(
        self,
        cpu_buffer: CpuBuffer,
        plan: DecodePlan,
        counts: npt.NDArray[np.int64],
        batch: int,
        gap_count: int,
    ) -> CpuStream:
        chunks = read_chunks(self._blocks, cpu_buffer.cpu)
        sizes = PageSizes(cpu_buffer.page_size, batch)
        return CpuStream(cpu_buffer.cpu.cpu, chunks, sizes, plan, counts, gap_count)

    def _page_size(self, cpu: CpuData, declared: int, layout: SubBufferFormat) -> int:
        """The size of this CPU's sub-buffers.

        A file that only names the machine's page size may hold larger sub-buffers
        (buffer_subbuf_size_kb): then the first one holds more than such a page could.
        """
        first = next((chunk.content for chunk in read_chunks(self._blocks, cpu)), b"")
        used = int.from_bytes(first[8:12], "little") & COMMIT_MASK
        fits = used + HEADER <= declared
        size = declared if fits or used + HEADER > layout.size else layout.size
        if size < SMALLEST_PAGE or size > LARGEST_PAGE or size % SMALLEST_PAGE:
            path = self._blocks.file.path
            raise InputError(path, cpu.offset, f"sub-buffers of {size} bytes: the file is damaged")
        return size


def _run(stream: CpuStream) -> Iterator[None]:
    """Decode a stream for what it counts; pauses after each batch."""
    rows = empty_rows(stream.most_rows)
    while not stream.is_over:
        stream.next_batch(rows)
        yield
