"""A redacted report holds what is listed, and nothing by which to find out whose it was."""

import json
import lzma
import re
import sqlite3
import struct
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
from sqlalchemy import update

from app.model.guest import PAGE_SHIFT
from app.queries.inventory import LossView, RecordingView
from app.queries.storms import StormRow
from app.report import _build as build, _redaction as redacting
from app.report._contents import Report
from app.report._redaction_rules import RULES
from app.store.catalogue import Pinned, Written, add_note
from app.store.database import open_database, seal
from app.store.read import Reader
from app.store.schema import Host, LossRow, Recording, RecordingState, Vm
from app.store.write import RecordingWriter
from collector.importing import format_of, import_file

HERE = Path(__file__).parents[1]
PACKED = sorted(
    path
    for path in (HERE / "recordings").rglob("*.xz")
    if ".truth." not in path.name and path.parent.name != "hostile"
)
EXAMPLE = HERE.parent / "docs" / "examples" / "convwork.dat"
NOTE = "zz-note: the customer's guest went wild at 0x1234000"
SMALLEST_SECRET = 1000
"""Numbers below are everywhere."""
NUMBER = re.compile(r"\d[\d,\u2009]*(?:\.\d[\d\u2009]*)?(?:e[+-]?\d+)?")


def redacted_of(reader: Reader, vm: Vm, monkeypatch: pytest.MonkeyPatch) -> tuple[str, set[int]]:
    """The report without what is the same in each, and the numbers that may be in it."""
    allowed: set[int] = set()

    def watched(report: Report) -> Report:
        left = redacting.redacted(report)
        allowed.update(numbers_in(left))
        return left

    monkeypatch.setattr(build, "redacted", watched)
    text = build.build_report(reader, vm, None, redact=True)
    for same in (build.PLOTLY.read_text(), *map(build._inline, ("css/base.css", "css/storms.css"))):
        text = text.replace(same, "")
    text = text.replace(build._inline("css/report.css"), "").replace(
        build._inline("js/pages/report.js"), ""
    )
    return without_pictures(text), allowed


def numbers_in(value: Any) -> Iterator[int]:  # noqa: ANN401 -- any part of a report
    if is_dataclass(value):
        for field in fields(value):
            yield from numbers_in(getattr(value, field.name))
    elif isinstance(value, dict):
        yield from numbers_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from numbers_in(each)
    elif isinstance(value, int | float):
        yield int(value)


def without_pictures(text: str) -> str:
    """Pictures are pixels: no chunk of one has room for words."""
    for data in re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]*)", text):
        assert set(chunks_of(b64decode(data))) <= {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
        text = text.replace(data, "")
    return text


def chunks_of(png: bytes) -> Iterator[bytes]:
    at = 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        yield png[at + 4 : at + 8]
        at += 12 + length


def whole_numbers(text: str) -> set[int]:
    plain = (found.replace("\u2009", "").replace(",", "") for found in NUMBER.findall(text))
    return {int(float(one)) for one in plain if float(one).is_integer()}


def texts_of(reader: Reader, vm: Vm) -> set[str]:
    """All that was called by a name."""
    recording = reader.recording(vm.recording_id)
    found = {recording.name, recording.origin, recording.uuid, recording.kernel_release}
    found |= {host.name for host in reader.hosts()}
    for one in reader.vms(include_unattributed=True):
        found |= {one.name, one.uuid, one.guest_uuid}
    return {text for text in found if text and text not in ("unknown", "qemu", "unattributed")}


def numbers_of(reader: Reader, vm: Vm) -> set[int]:
    """Ids, addresses in bytes and in pages, and what clocks said."""
    assert vm.id is not None
    recording = reader.recording(vm.recording_id)
    found = {recording.clock_start_ns, recording.wall_start_ns, vm.pid, vm.process_start_ns}
    found.add(vm.kvm_pointer)
    for slot in reader.memslots(vm.id):
        ends = (slot.base_gfn, slot.end_gfn)
        found |= {*ends, *(gfn << PAGE_SHIFT for gfn in ends)}
        found |= {slot.userspace_addr, slot.guest_memfd_offset}
    events, _ = reader.events(vm.id, limit=100_000)
    gfns = np.unique(events["gfn"][:20_000]).tolist()
    found |= {*gfns, *(gfn << PAGE_SHIFT for gfn in gfns), *np.unique(events["tid"]).tolist()}
    if recording.clock_start_ns:
        times = np.unique(np.concatenate((events["t"][:2_000], events["t"][-2_000:])))
        found |= {recording.clock_start_ns + t for t in times.tolist()}
    return {number for number in found if number is not None and number >= SMALLEST_SECRET}


def check(reader: Reader, vm: Vm, monkeypatch: pytest.MonkeyPatch) -> str:
    text, allowed = redacted_of(reader, vm, monkeypatch)
    assert "Redacted: " in text
    assert "0x" not in text
    for secret in texts_of(reader, vm):
        assert not re.search(rf"(?<![\w-]){re.escape(secret)}(?![\w-])", text), secret
    leaked = whole_numbers(text) & (numbers_of(reader, vm) - allowed)
    assert leaked == set()
    assert vm.id is not None
    events, _ = reader.events(vm.id, limit=1_000_000)
    threads = len(np.unique(events["tid"]))
    assert all(int(number) <= threads for number in re.findall(r"thread (\d+)", text))
    return text


def imported(path: Path, folder: Path) -> Reader:
    engine = open_database(str(folder / "imported.db"))
    import_file(path, format_of(path), lambda header: RecordingWriter(engine, header))
    return Reader(engine)


@pytest.mark.parametrize("packed", PACKED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_of_every_recording_nothing_gets_out(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"zz-{packed.stem}"
    path.write_bytes(lzma.decompress(packed.read_bytes()))
    reader = imported(path, tmp_path)
    vms = reader.vms(include_unattributed=True)
    assert vms
    for vm in vms[:3]:
        check(reader, vm, monkeypatch)


def test_of_the_example_nothing_gets_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = imported(EXAMPLE, tmp_path)
    for vm in reader.vms(include_unattributed=True):
        check(reader, vm, monkeypatch)


def test_of_a_simulated_guest_with_storms_nothing_gets_out(
    stormy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(open_database(str(stormy)))
    (vm,) = reader.vms()
    text = check(reader, vm, monkeypatch)
    assert re.search(r"at place \d+ in memslot \d+ alone went back and forth 16,000 times", text)
    assert "by vCPU" not in text
    assert re.search(r'<th scope="row">vCPU 3</th>', text)
    assert "EAGAIN" in text
    figures = json.loads(re.search(r'id="report-data">(.*?)</script>', text, re.DOTALL)[1])  # type: ignore[index]
    labels = figures["overview-map"]["labels"]
    assert labels
    assert all(re.fullmatch(r"place \d+", label) for label in labels)
    assert sum(figures["overview-timeline"]["to_private"]) > 0


@pytest.fixture
def full(stormy: Path, tmp_path: Path) -> Reader:
    """The same, where everything that can hold a text holds one that must not get out."""
    path = tmp_path / "full.db"
    with closing(sqlite3.connect(stormy)) as source, closing(sqlite3.connect(path)) as copy:
        source.backup(copy)
    engine = open_database(str(path))
    spot = {"capability": "zz-capability", "costs": "zz-costs"}
    named = {"capability": "unmaps", "costs": "on host zz-host"}
    coverage = {"missing": [spot, named], "conversion_ranges": "zz-ranges", "notes": ["zz-note"]}
    everywhere: dict[Any, dict[str, Any]] = {
        Host: {"name": "zz-host"},
        Recording: {
            "name": "zz-recording",
            "uuid": "zz-uuid",
            "source": "zz-source",
            "clock": "zz-clock",
            "clock_start_ns": 777_777_777_777,
            "wall_start_ns": 1_777_777_777_777_777_777,
            "kernel_release": "6.12.117-zz-house1",
            "origin": "zz-origin",
            "state": RecordingState.INCOMPLETE,
            "incomplete_reason": "zz-reason",
            "coverage": coverage,
        },
        Vm: {
            "name": "zz-vm",
            "uuid": "zz-vm-uuid",
            "guest_uuid": "zz-guest",
            "pid": 31_415_926,
            "process_start_ns": 271_828_182_845,
            "vm_fd": 161_803,
            "kvm_pointer": 141_421_356,
            "events_by_kind": {"zz-kind": 1},
        },
        LossRow: {"source": "zz-ring"},
    }
    add_note(engine, 1, Pinned(0, 10, 0x1234, 2), Written(NOTE, "zz-author"))
    with engine.begin() as connection:
        for table, values in everywhere.items():
            connection.execute(update(table).values(**values))
        seal(connection, 1)
    return Reader(engine)


def test_no_text_of_a_recording_gets_out(full: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    (vm,) = full.vms()
    text = check(full, vm, monkeypatch)
    assert "zz" not in text
    numbers = {777_777_777_777, 31_415_926, 271_828_182_845, 161_803, 141_421_356}
    assert not numbers & whole_numbers(text)
    assert "kernel 6.12.117<" in text
    assert "<p>unmaps. What each costs" in text
    assert "the texts of 1 note" in text
    plain = build.build_report(full, vm, None, redact=False)
    for text in ("zz-host", "zz-vm", "zz-reason", "zz-note", "zz-house1", "777777777777"):
        assert text in plain, f"{text} would have been left out anyway"


def parts_of(kind: Any) -> Iterator[type]:  # noqa: ANN401 -- a type as it is written
    """Every dataclass that a field may hold, and those within."""
    if isinstance(kind, type) and is_dataclass(kind):
        yield kind
        for hint in get_type_hints(kind).values():
            yield from parts_of(hint)
    for inner in get_args(kind):
        yield from parts_of(inner)


def test_every_field_of_a_report_has_a_rule() -> None:
    """A new one is left out until somebody lists it."""
    for part in set(parts_of(Report)):
        assert set(RULES[part]) == {field.name for field in fields(part)}, part.__name__


@dataclass(frozen=True)
class Louder(LossView):
    """With a field more, as somebody would add it."""

    whose: str = "zz-host"
    wall_ns: int = 1_777_777_777_777_777_777


def test_a_field_that_nobody_listed_is_left_out(
    composed: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RULES, Louder, RULES[LossView])
    left = redacting._Redaction(composed).copy(Louder(1, 2, 3, 4, "simulator"))
    assert left == Louder(1, 2, 3, 4, "simulator", None, None)  # type: ignore[arg-type]


def test_a_part_that_nobody_listed_is_refused(
    composed: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyError, match="Louder"):
        redacting._Redaction(composed).copy(Louder(1, 2, 3, 4, "simulator"))
    monkeypatch.delitem(RULES, StormRow)
    with pytest.raises(KeyError, match="StormRow"):
        redacting.redacted(composed)


@pytest.fixture
def composed(stormy: Path) -> Report:
    reader = Reader(open_database(str(stormy)))
    (vm,) = reader.vms()
    return build._compose(reader, vm, None, None)


def test_a_name_cannot_ride_on_a_text_that_may_stay() -> None:
    release = RULES[RecordingView]["kernel_release"]
    assert isinstance(release, re.Pattern)
    kept = {
        "6.12.117-acme7": "6.12.117",
        "6.1.0-13-amd64": "6.1.0",
        "6.17": "6.17",
        "6.12.10.secret": None,
        "secret": None,
    }
    assert {text: redacting.matching(release, text) for text in kept} == kept
