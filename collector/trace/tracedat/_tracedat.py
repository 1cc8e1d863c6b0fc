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
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from collector.codes import RecordCode
from collector.records import RecordArray
from collector.trace.errors import InputError
from collector.trace.ring_buffer import (
    EVENT_IDS,
    USER_PROBES,
    CpuStream,
    DecodePlan,
    Problem,
    SubBufferFormat,
    UnplacedLoss,
    decode_plan,
    match_formats,
    merge,
    parse_header_page,
)
from collector.trace.tracedat import _version6 as version6, _version7 as version7
from collector.trace.tracedat._blocks import BlockReader
from collector.trace.tracedat._border import keep_sound_cpus
from collector.trace.tracedat._bytes_file import BytesFile, Cursor, text_of
from collector.trace.tracedat._clock import time_scale
from collector.trace.tracedat._contents import Contents
from collector.trace.tracedat._cpus import CpuBuffers
from collector.trace.tracedat._returns import settle_returns

MAGIC = b"\x17\x08\x44tracing"
UNKNOWN_CPU = 0xFFFF


def open_trace_dat(path: Path) -> "TraceDat":
    """Read a file's metadata. Raises InputError if it is no trace.dat that can be decoded."""
    file = BytesFile(path)
    try:
        contents = _read_contents(file)
        keep_sound_cpus(file, contents)
        return TraceDat(file, contents)
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


class TraceDat:
    """An open trace.dat. `records()` may be called again: it starts anew."""

    def __init__(self, file: BytesFile, contents: Contents) -> None:
        self._file = file
        self.contents = contents
        self._blocks = BlockReader(file, contents.compression, 0)
        self._cpu_buffers = CpuBuffers(self._blocks, contents, _layout(file.path, contents))
        self._raw_start = self._cpu_buffers.start()
        self._scale = time_scale(contents, self.clock)
        self._counts = np.zeros(EVENT_IDS, np.int64)
        self._streams: list[CpuStream] = []
        matched = match_formats(contents.formats)
        returns = settle_returns(matched, self.decode, self._kallsyms)
        self._plan = decode_plan(matched.plans + returns)

    @property
    def clock(self) -> str:
        """The trace's own clock: "mono", "local", ..."""
        return self._cpu_buffers.clock

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
        """Node name of the recorded machine, "" if the file does not name it."""
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

    @property
    def probes_gathered(self) -> tuple[int, ...]:
        """The RecordCodes of probes that read the structs of calls."""
        return tuple(plan.code for plan in self._plan.events if plan.code in USER_PROBES)

    @property
    def has_in_place_events(self) -> bool:
        """Whether a probe reads which ioctl it met, as only one does that is also for
        KVM_SET_MEMORY_ATTRIBUTES2."""
        return any(
            plan.code == RecordCode.USER_SET_ATTRIBUTES and plan.event.field("cmd") is not None
            for plan in self._plan.events
        )

    @property
    def events_gathered(self) -> tuple[str, ...]:
        """ "system:name" of the events that become records."""
        return tuple(plan.event.full_name for plan in self._plan.events)

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
        """Damage of the metadata, and what `records` has met so far, by offset."""
        met = [Problem(error.offset, None, error.reason) for error in self.contents.damage]
        met += [problem for stream in self._streams for problem in stream.problems]
        return tuple(sorted(met, key=lambda problem: problem.offset or 0))

    @property
    def lost_events(self) -> int:
        """Events known to be lost, known after `records`; damage comes on top, uncounted."""
        counted = [stream.counted_losses for stream in self._streams]
        return sum(max(pair) for pair in zip(self._cpu_buffers.lost, counted, strict=False))

    def records(self) -> Iterator[RecordArray]:
        """Yield RECORD batches by time; `problems` and `counts_by_event` grow meanwhile."""
        self._counts[:] = 0
        self._streams = self._cpu_buffers.open(self._plan, self._counts)
        unplaced = self._cpu_buffers.unplaced_losses()
        if self.contents.lacks_cpus:
            unplaced.append(UnplacedLoss(UNKNOWN_CPU, 0))
        for batch in merge(self._streams, self._raw_start, unplaced):
            yield self._scale.apply(batch)

    def decode(self, plan: DecodePlan) -> Iterator[RecordArray]:
        """Decode by another plan: times unconverted, counts and problems untouched."""
        streams = self._cpu_buffers.open(plan, np.zeros(EVENT_IDS, np.int64))
        yield from merge(streams, self._raw_start)

    def _kallsyms(self) -> Iterator[str]:
        """Lines of the recorded /proc/kallsyms; none if they are missing or damaged."""
        try:
            yield from _read_kallsyms(self._blocks, self.contents).splitlines()
        except InputError:
            return

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


def _layout(path: Path, contents: Contents) -> SubBufferFormat:
    """The ring buffer's layout. Refuses kernels whose pages are built differently."""
    try:
        layout = parse_header_page(contents.header_page)
    except ValueError as error:
        raise InputError(path, None, f"the ring buffer's layout is missing: {error}") from error
    if not layout.is_64_bit:
        raise InputError(
            path,
            None,
            "recorded on a 32-bit kernel: only 64-bit recordings can be decoded. "
            "Record on a 64-bit kernel",
        )
    return layout


def _read_kallsyms(blocks: BlockReader, contents: Contents) -> str:
    """The recorded machine's /proc/kallsyms, "" if it is not there. Raises InputError."""
    if contents.kallsyms_at is None:
        return ""
    offset, size = contents.kallsyms_at
    if contents.version == 6:
        return text_of(blocks.file.read(offset, size))
    cursor, _ = version7.open_section(blocks, offset)
    return text_of(cursor.take(cursor.u32()))
