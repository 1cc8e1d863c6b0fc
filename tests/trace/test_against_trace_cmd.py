"""Every event of every recording, row by row, as `trace-cmd report` reads it."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from collector.codes import RecordCode
from collector.records import RecordArray
from collector.trace.ring_buffer import EventFormat, EventPlan, Value, decode_plan
from collector.trace.ring_buffer._formats import Field
from collector.trace.tracedat import open_trace_dat
from collector.trace.tracedat._tracedat import TraceDat

RECORDINGS = (
    "conv/full",
    "conv/ident",
    "conv/lean",
    "conv/probes",
    "convwork/full",
    "convwork/lean",
    "convwork/probes",
    "convwork2/ident",
    "gmemfd/full",
    "gmemfd/lean",
    "gmemfd/probes",
    "lossy/extract",
    "lossy/lossy",
    "lossy/starved",
    "tp-conv/lean",
    "tp-convwork/full",
    "tp-convwork/lean",
)
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "convwork.dat"
LINE = re.compile(r"^.*?-(\d+)\s+\[(\d+)\]\s+(\d+)\.(\d{9}):\s+(\w+):(.*)$")
VALUES = 8  # a record holds so many

Row = tuple[int, int, int, str, tuple[int, ...]]
ReportedRow = tuple[int, int, int, str, tuple[set[int], ...]]


def integers(event: EventFormat) -> tuple[Field, ...]:
    own = (field for field in event.fields if not field.name.startswith("common_"))
    return tuple(f for f in own if f.is_integer and "[" not in f.declaration)[:VALUES]


def decoded(trace: TraceDat) -> Iterator[Row]:
    """(ts, cpu, tid, event, its first integer fields) of every event."""
    for _ in trace.records():
        pass
    seen = set(trace.counts_by_event())
    events = [event for event in trace.contents.formats if event.full_name in seen]
    first = max(RecordCode) + 1
    plans = [
        EventPlan(event, first + i, tuple(Value(k, f) for k, f in enumerate(integers(event))))
        for i, event in enumerate(events)
    ]
    for batch in trace.decode(decode_plan(plans)):
        for ts, tid, cpu, code, _, values in batch.tolist():
            if code >= first:
                event = events[code - first]
                yield ts, cpu, tid, event.name, tuple(values[: len(integers(event))])


def reported(trace_cmd: str, path: Path, formats: list[EventFormat]) -> Iterator[ReportedRow]:
    """The same from `trace-cmd report`: raw fields, full time stamps."""
    by_name = {event.name: event for event in formats}
    command = [trace_cmd, "report", "-R", "-t", "-N", str(path)]
    report = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    for line in report.splitlines():
        if (match := LINE.match(line)) is None:
            assert line.startswith(("cpus=", "CPU:")), line
            continue
        tid, cpu, seconds, fraction, name, text = match.groups()
        values = tuple(raw_value(text, field) for field in integers(by_name[name]))
        yield int(seconds) * 10**9 + int(fraction), int(cpu), int(tid), name, values


def raw_value(text: str, field: Field) -> set[int]:
    """What the text may mean: `-R` keeps the base of the event's print format, without a prefix."""
    (word,) = re.findall(rf" {re.escape(field.name)}=(\S+)", text)
    meanings = {int(word, base) for base in (0, 16) if is_number(word, base)}
    return {extended(value, field) for value in meanings}


def is_number(word: str, base: int) -> bool:
    try:
        int(word, base)
    except ValueError:
        return False
    return True


def extended(value: int, field: Field) -> int:
    """A field's value as 64 bits, from whatever width it was printed with."""
    bits = 8 * field.size
    value &= (1 << bits) - 1
    if field.is_signed and value >> (bits - 1):
        value -= 1 << bits
    return value & (2**64 - 1)


def agrees(ours: Row, theirs: ReportedRow) -> bool:
    *place, values = ours
    *their_place, meanings = theirs
    same = all(value in meaning for value, meaning in zip(values, meanings, strict=True))
    return place == their_place and same


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_row_is_the_one_trace_cmd_reports(
    recordings: Path, trace_cmd: str, name: str
) -> None:
    compare(trace_cmd, recordings / f"{name}.dat")


def test_every_row_of_the_example_is_the_one_trace_cmd_reports(trace_cmd: str) -> None:
    compare(trace_cmd, EXAMPLE)


def compare(trace_cmd: str, path: Path) -> None:
    with open_trace_dat(path) as trace:
        ours = list(decoded(trace))
        theirs = list(reported(trace_cmd, path, trace.contents.formats))
        assert trace.problems == ()
    assert len(ours) == len(theirs) > 0
    pairs = zip(ours, theirs, strict=True)
    assert next(((a, b) for a, b in pairs if not agrees(a, b)), None) is None


def all_records(path: Path) -> RecordArray:
    with open_trace_dat(path) as trace:
        records = np.concatenate(list(trace.records()))
        assert trace.problems == ()
    return records


@pytest.mark.parametrize("name", ["conv/full", "convwork/probes", "lossy/extract"])
@pytest.mark.parametrize("options", [["--file-version", "6"], ["--compression", "none"]])
def test_converted_files_hold_the_same_records(
    recordings: Path, trace_cmd: str, tmp_path: Path, name: str, options: list[str]
) -> None:
    source, converted = recordings / f"{name}.dat", tmp_path / "converted.dat"
    command = [trace_cmd, "convert", "-i", str(source), "-o", str(converted), *options]
    subprocess.run(command, capture_output=True, check=True)
    assert np.array_equal(all_records(source), all_records(converted))
    with open_trace_dat(source) as old, open_trace_dat(converted) as new:
        assert new.version == (6 if "6" in options else 7)
        assert (new.clock, new.host, new.kernel_release) == ("mono", "rig", old.kernel_release)
        assert new.command_names == old.command_names
