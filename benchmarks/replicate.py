"""Make a trace.dat of millions of events out of a small real recording by repeating parts of it.

    python -m benchmarks.replicate RECORDING TRUTH EVENTS OUTPUT

The output is the recording itself, whole and in order, in which two stretches happen again and
again: the host's conversions (stages pingpong to falloc) and the guest's (its hypercalls, the exits
that answer them, faults, conversions and punch holes). Their events keep their contents, thread and
CPU; only times move. One VM lives through all of it. Written as trace.dat version 6, uncompressed;
`trace-cmd convert` makes the other kinds.
"""

import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

PAGE = 4096
PAGE_HEADER = 16
COMMIT_MASK = 0xFFFFF
TYPE_PADDING, TYPE_TIME_EXTEND, TYPE_TIME_STAMP = 29, 30, 31
DELTA_BITS = 27

Pages = npt.NDArray[np.uint8]  # [pages, PAGE]


class RingEvent(NamedTuple):
    """One data event: its absolute time, its type_len, and what follows the header word."""

    time: int
    type_len: int
    body: bytes


class Stretch(NamedTuple):
    """Times [begin, end), which happens `times` times in a row."""

    begin: int
    end: int
    times: int


def events_of_page(page: bytes) -> Iterator[RingEvent]:
    """Unpack one sub-buffer (Linux include/linux/ring_buffer.h, struct ring_buffer_event)."""
    time, commit = struct.unpack_from("<QQ", page)
    position, end = PAGE_HEADER, PAGE_HEADER + (commit & COMMIT_MASK)
    while position < end:
        (head,) = struct.unpack_from("<I", page, position)
        type_len, delta = head & 31, head >> 5
        (word,) = struct.unpack_from("<I", page, position + 4)
        if type_len == TYPE_PADDING:
            if delta == 0:
                return
            size = word
        elif type_len >= TYPE_TIME_EXTEND:
            delta += word << DELTA_BITS
            size = 4
        else:
            size = 4 * type_len if type_len else (word + 3) & ~3
        time = delta if type_len == TYPE_TIME_STAMP else time + delta
        position += 4
        if type_len < TYPE_PADDING:
            yield RingEvent(time, type_len, page[position : position + size])
        position += size


def pack(events: list[RingEvent]) -> Pages:
    """Write events into as few sub-buffers as hold them; the first event of each has delta 0."""
    pages: list[bytearray] = []
    page, base, time = bytearray(), 0, 0

    def finish() -> None:
        if page:
            header = struct.pack("<QQ", base, len(page))
            pages.append(bytearray(header + page).ljust(PAGE, b"\0"))

    for event in events:
        delta = event.time - time
        extend = b""
        if page and delta >> DELTA_BITS:
            low = delta & (1 << DELTA_BITS) - 1
            extend = struct.pack("<II", low << 5 | TYPE_TIME_EXTEND, delta >> DELTA_BITS)
            delta = 0
        if not page or PAGE_HEADER + len(page) + len(extend) + 4 + len(event.body) > PAGE:
            finish()
            page, base, delta, extend = bytearray(), event.time, 0, b""
        page += extend + struct.pack("<I", delta << 5 | event.type_len) + event.body
        time = event.time
    finish()
    return np.frombuffer(b"".join(pages), np.uint8).reshape(-1, PAGE)


def shifted(pages: Pages, by: int, times: int, period: int) -> Iterator[Pages]:
    """Yield the sub-buffers `times` times, each `period` ns after the one before."""
    for k in range(times):
        copy = pages.copy()
        copy[:, :8].view("<u8")[:, 0] += np.uint64(by + k * period)
        yield copy


def stream_of_cpu(events: list[RingEvent], stretches: list[Stretch]) -> Iterator[Pages]:
    by = 0
    for begin, end, times in stretches:
        pages = pack([event for event in events if begin <= event.time < end])
        yield from shifted(pages, by, times, end - begin)
        by += (times - 1) * (end - begin)


class Version6(NamedTuple):
    """A trace.dat version 6: all that stands before the sub-buffers, and those of each CPU."""

    head: bytes
    table: int  # where in `head` the (offset, size) pairs of the CPUs stand
    cpus: list[list[RingEvent]]


def read_version_6(path: Path) -> Version6:
    content = path.read_bytes()
    table = content.index(b"flyrecord\0") + len(b"flyrecord\0")
    (first_offset,) = struct.unpack_from("<Q", content, table)
    cpus: list[list[RingEvent]] = []
    expected = first_offset
    while True:
        offset, size = struct.unpack_from("<QQ", content, table + 16 * len(cpus))
        if offset != expected:
            break
        pages = (content[at : at + PAGE] for at in range(offset, offset + size, PAGE))
        cpus.append([event for page in pages for event in events_of_page(page)])
        expected = -(-(offset + size) // PAGE) * PAGE
    return Version6(content[:first_offset], table, cpus)


def stretches_of(truth: Path, wanted_events: int, cpus: list[list[RingEvent]]) -> list[Stretch]:
    """Cut the recording at its stages and choose how often the two busy ones happen."""
    begins = {
        row.get("what") if row["stage"] == "guest" else row["stage"]: row["t0_ns"]
        for row in map(json.loads, truth.read_text().splitlines())
        if row["op"] == "note"
    }
    host = begins["pingpong"], begins["slots"]
    guest = begins["guest: 2M and 4K requests"], begins["end"]
    times = [event.time for events in cpus for event in events]
    repeated = sum(host[0] <= t < host[1] or guest[0] <= t < guest[1] for t in times)
    n = max(1, (wanted_events - len(times) + repeated) // repeated)
    return [
        Stretch(0, host[0], 1),
        Stretch(*host, n),
        Stretch(host[1], guest[0], 1),
        Stretch(*guest, n),
        Stretch(guest[1], 1 << 62, 1),
    ]


def replicate(version_6: Path, truth: Path, wanted_events: int, output: Path) -> int:
    """Write about `wanted_events` events to `output`; returns how many they became."""
    head, table, cpus = read_version_6(version_6)
    stretches = stretches_of(truth, wanted_events, cpus)
    with output.open("wb") as file:
        file.write(head)
        for cpu, events in enumerate(cpus):
            offset = file.tell()
            for pages in stream_of_cpu(events, stretches):
                file.write(pages.tobytes())
            size = file.tell() - offset
            file.seek(table + 16 * cpu)
            file.write(struct.pack("<QQ", offset, size))
            file.seek(0, 2)
    return sum(
        s.times * sum(s.begin <= e.time < s.end for e in events)
        for events in cpus
        for s in stretches
    )


def main() -> None:
    recording, truth, wanted_events, output = sys.argv[1:]
    version_6 = Path(output).with_suffix(".v6-of-recording")
    command = ["trace-cmd", "convert", "-i", recording, "-o", str(version_6)]
    subprocess.run([*command, "--file-version", "6"], check=True, capture_output=True)
    print(replicate(version_6, Path(truth), int(wanted_events), Path(output)))
    version_6.unlink()


if __name__ == "__main__":
    main()
