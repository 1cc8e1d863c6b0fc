"""trace.dat, the file of trace-cmd, decoded to RECORD batches in time order.

    with open_trace_dat(path) as trace:
        trace.clock, trace.start_ns, trace.events_present, trace.command_names, ...
        for batch in trace.records():   # RECORD arrays, by time over all CPUs and buffers
            ...
        trace.problems                  # damage that was stepped over: the import is incomplete
        trace.lost_events               # how many events are known to be lost
        trace.counts_by_event()         # "system:name" -> how many, wanted or not

Versions 6 and 7, uncompressed or compressed, little-endian 64 bit. `open_trace_dat` raises
InputError for what cannot be read at all; damage among the events never raises: what is sound is
yielded, the hole is a LOSS_BEGIN/LOSS_END pair of unknown count, and `problems` names the place.
A LOSS_BEGIN whose "ts after the gap" is 0 lasts until its CPU's LOSS_END, which comes last.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from collector.ftrace import version6, version7
from collector.ftrace.blocks import BlockReader
from collector.ftrace.bytesfile import BytesFile, Cursor
from collector.ftrace.chunks import read_chunks
from collector.ftrace.clock import time_scale
from collector.ftrace.contents import Buffer, Contents, CpuData
from collector.ftrace.cpustream import CpuStream, Problem
from collector.ftrace.formats import EVENT_IDS, parse_header_page
from collector.ftrace.losses import losses_by_cpu
from collector.ftrace.merge import UnplacedLoss, merge
from collector.ftrace.plan import DecodePlan, decode_plan
from collector.ftrace.recognise import recognise
from collector.ftrace.returns import name_returns
from collector.ftrace.subbuffer import ROW_WORDS
from collector.records import RecordArray
from collector.sources.base import InputError

MAGIC = b"\x17\x08\x44tracing"
_ALL_BATCHES = 1 << 25  # bytes of sub-buffers held at once, over all CPUs
_LARGEST_BATCH = 1 << 21
_SMALLEST_BATCH = 1 << 16
_SMALLEST_PAGE = 1 << 12
_LARGEST_PAGE = 1 << 26


def open_trace_dat(path: Path) -> "TraceDat":
    """Read a file's metadata. Raises InputError if it is no trace.dat that can be decoded."""
    file = BytesFile(path)
    try:
        return TraceDat(file, _read_contents(file))
    except BaseException:
        file.close()
        raise


def _read_contents(file: BytesFile) -> Contents:
    head = Cursor(file.path, file.read(0, min(file.size, 64)), 0, is_compressed=False)
    if file.size == 0:
        raise InputError(file.path, 0, "the file is empty")
    if head.left < len(MAGIC) or head.take(len(MAGIC)) != MAGIC:
        raise InputError(file.path, 0, "this is not a trace.dat: its first bytes are others")
    version = head.string()
    _check_machine(head)
    page_size = head.u32()
    if version == "7":
        return version7.read_contents(file, head.position, page_size)
    if version == "6":
        return version6.read_contents(file, head.position, page_size)
    raise InputError(
        file.path,
        len(MAGIC),
        f"trace.dat version {version!r} is not known; 6 and 7 are. "
        "`trace-cmd convert --file-version 7` may help",
    )


def _check_machine(head: Cursor) -> None:
    if head.take(1) != b"\0":
        raise head.error(
            "recorded on a big-endian machine: only little-endian recordings can be decoded. "
            "Record on the x86-64 or arm64 host itself"
        )
    if (size := head.take(1)[0]) != 8:
        raise head.error(
            f"recorded by a {8 * size}-bit trace-cmd: only 64-bit recordings can be decoded. "
            "Record with a 64-bit trace-cmd on a 64-bit kernel"
        )


@dataclass(frozen=True, slots=True)
class _Lane:
    """One CPU of one buffer."""

    buffer: Buffer
    cpu: CpuData
    lost: int  # by its stats


class TraceDat:
    """An open trace.dat. `records()` may be called again: it starts anew."""

    def __init__(self, file: BytesFile, contents: Contents) -> None:
        self._file = file
        self._blocks = BlockReader(file, contents.compression, 0)
        self.contents = contents
        _check_pages(file.path, contents)
        self.clock = _main_clock(contents)
        self._lanes = _lanes(contents, self.clock)
        self._scale = time_scale(contents, self.clock)
        recognised = recognise(contents.formats)
        self._plan = decode_plan(recognised.plans + name_returns(recognised.returns))
        self._counts = np.zeros(EVENT_IDS, np.int64)
        self._streams: list[CpuStream] = []
        self._raw_start = self._find_start()

    @property
    def path(self) -> Path:
        return self._file.path

    @property
    def version(self) -> int:
        return self.contents.version

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self.contents.notes)

    @property
    def command_names(self) -> dict[int, str]:
        """tid -> comm, as saved by the kernel."""
        return self.contents.command_names

    @property
    def host(self) -> str:
        """Node name of the recorded machine, "" if the file does not tell."""
        words = self.contents.uname.split()
        return words[1] if len(words) > 1 else ""

    @property
    def kernel_release(self) -> str | None:
        words = self.contents.uname.split()
        return words[2] if len(words) > 2 else None

    @property
    def wall_minus_clock_ns(self) -> int | None:
        """UNIX time minus the trace's clock, if recorded with --date."""
        return self.contents.wall_minus_clock_ns

    @property
    def events_present(self) -> tuple[str, ...]:
        """ "system:name" of the events whose formats the file has, ftrace's own left out."""
        return tuple(e.full_name for e in self.contents.formats if e.system != "ftrace")

    def counts_by_event(self) -> dict[str, int]:
        """How many of each event were met so far, whether gathered or not."""
        names = {event.id: event.full_name for event in self.contents.formats}
        ids = np.flatnonzero(self._counts).tolist()
        return {names.get(i, f"unknown:{i}"): int(self._counts[i]) for i in ids}

    @property
    def start_ns(self) -> int:
        """Time of the first event of all, on the trace's clock."""
        return int(self._scale.to_ns(np.array([self._raw_start], np.uint64))[0])

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Damage that `records` has met so far, by offset."""
        found = (problem for stream in self._streams for problem in stream.problems)
        return tuple(sorted(found, key=lambda problem: problem.offset))

    @property
    def lost_events(self) -> int:
        """Events known to be lost; damage and uncounted gaps come on top."""
        by_stats = sum(lane.lost for lane in self._lanes)
        by_pages = sum(
            max(stream.counted_losses - lane.lost, 0)
            for lane, stream in zip(self._lanes, self._streams, strict=False)
        )
        return by_stats + by_pages

    def records(self) -> Iterator[RecordArray]:
        """Yield RECORD batches by time; `problems` and `counts_by_event` grow meanwhile."""
        self._counts[:] = 0
        gaps = [self._gap_count(lane) for lane in self._lanes]
        unplaced = [
            UnplacedLoss(lane.cpu.cpu, left)
            for lane, (left, is_placed) in zip(self._lanes, gaps, strict=True)
            if left and not is_placed
        ]
        self._streams = [
            self._stream(lane, self._plan, self._counts, gap_count=left if is_placed else 0)
            for lane, (left, is_placed) in zip(self._lanes, gaps, strict=True)
        ]
        for batch in merge(self._streams, self._raw_start, unplaced):
            yield self._scale.apply(batch)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _gap_count(self, lane: _Lane) -> tuple[int, bool]:
        """(losses by the CPU's stats that no page counts, does exactly one gap have to be theirs)

        Looks through the pages only if the stats tell of losses at all.
        """
        if not lane.lost:
            return 0, False
        scan = self._stream(lane, decode_plan([]), np.zeros(EVENT_IDS, np.int64))
        rows = np.empty((scan.most_rows, ROW_WORDS), np.int64)
        while not scan.is_over:
            scan.next_batch(rows)
        left = max(lane.lost - scan.counted_losses, 0)
        if scan.uncounted_gaps == 0 or scan.problems:
            return left, False
        return (left, True) if scan.uncounted_gaps == 1 else (0, False)

    def _stream(
        self,
        lane: _Lane,
        plan: DecodePlan,
        counts: npt.NDArray[np.int64],
        *,
        pages: int = 0,
        gap_count: int = 0,
    ) -> CpuStream:
        """A fresh stream over one CPU's data; `pages` bounds its batches for a short look."""
        page_size = lane.buffer.page_size
        share = _ALL_BATCHES // len(self._lanes)
        batch = pages * page_size or max(_SMALLEST_BATCH, min(_LARGEST_BATCH, share))
        chunks = read_chunks(self._blocks, lane.cpu)
        return CpuStream(lane.cpu.cpu, chunks, page_size, batch, plan, counts, gap_count)

    def _find_start(self) -> int:
        nothing, counts = decode_plan([]), np.zeros(EVENT_IDS, np.int64)
        starts = []
        for lane in self._lanes:
            stream = self._stream(lane, nothing, counts, pages=4)
            rows = np.empty((stream.most_rows, ROW_WORDS), np.int64)
            while not stream.is_over and not stream.has_events:
                stream.next_batch(rows)
            if stream.has_events:
                starts.append(stream.first)
        return min(starts, default=0)


def _check_pages(path: Path, contents: Contents) -> None:
    """Refuse kernels whose ring buffer is laid out differently."""
    try:
        layout = parse_header_page(contents.header_page)
    except ValueError as error:
        raise InputError(path, None, f"the ring buffer's layout is not told: {error}") from error
    if not layout.is_64_bit:
        raise InputError(
            path,
            None,
            "recorded on a 32-bit kernel: only 64-bit recordings can be decoded. "
            "Record on a 64-bit kernel",
        )
    for size in {buffer.page_size for buffer in contents.buffers}:
        if size < _SMALLEST_PAGE or size > _LARGEST_PAGE or size & (size - 1):
            raise InputError(path, None, f"sub-buffers of {size} bytes: the file is damaged")


def _main_clock(contents: Contents) -> str:
    """The clock of most of the data."""
    sizes: dict[str, int] = {}
    for buffer in contents.buffers:
        sizes[buffer.clock] = sizes.get(buffer.clock, 0) + sum(cpu.size for cpu in buffer.cpus)
    return max(sizes, key=lambda clock: sizes[clock], default=contents.clock)


def _lanes(contents: Contents, clock: str) -> list[_Lane]:
    """All CPUs of all buffers with this clock; times of others cannot be compared."""
    lanes = []
    for buffer in contents.buffers:
        if buffer.clock != clock and buffer.cpus:
            contents.notes.append(
                f"Buffer {buffer.name!r} is left out: its clock is {buffer.clock}, not {clock}."
            )
            continue
        lost = losses_by_cpu(contents.cpu_stats.get(buffer.name, []))
        lanes += [_Lane(buffer, cpu, lost.get(cpu.cpu, 0)) for cpu in buffer.cpus]
    return lanes
