"""`gmemscope export`."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from app import cli
from app.commands.usage import parse_instant
from app.store.catalogue import Pinned, Written, add_note
from app.store.database import open_database
from app.store.read import Reader
from tests.small_guest import write_small_recording


@pytest.fixture
def export(small_database: Path) -> "Export":
    return Export(small_database)


class Export:
    """Runs the command on the small recording."""

    def __init__(self, database: Path) -> None:
        self._database = ["--database", str(database)]

    def __call__(self, *arguments: str) -> bytes:
        result = CliRunner().invoke(cli.app, ["export", *arguments, *self._database])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout_bytes

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self(*arguments).splitlines()]


def test_conversions_come_in_order_of_effect(export: Export) -> None:
    rows = export.rows("1", "--what", "conversions")

    assert [row["seq"] for row in rows] == [0, 1, 2, 3, 5, 6]
    assert [row["t_effect"] for row in rows] == [110, 210, 310, 410, 500, 610]
    assert [row["effective_pages"] for row in rows] == [1024, 16, 0, 0, None, 2]  # not seen to end
    assert rows[3] == {
        "seq": 3,
        "t": 400,
        "t_effect": 410,
        "clock_ns": 1_000_000_000_400,
        "gfn": 0x100000,
        "npages": 1,
        "address": 0x1_0000_0000,
        "size": 4096,
        "to": "shared",
        "outcome": "failed",
        "errno": 11,
        "errno_name": "EAGAIN",
        "cause": "explicit",
        "cause_certainty": "seen",
        "range_certainty": "seen",
        "tid": 101,
        "vcpu": 0,
        "latency_ns": 10,
        "effective_pages": 0,
    }


def test_a_stretch_of_time_is_half_open_in_effects(export: Export) -> None:
    rows = export.rows("1", "--what", "events", "--from", "210ns", "--to", "0.00000050s")

    assert [(row["seq"], row["kind"]) for row in rows] == [
        (1, "conversion"),
        (2, "conversion"),
        (3, "conversion"),
        (4, "hypercall"),
    ]


def test_filters_leave_what_was_asked_for(export: Export) -> None:
    def seqs(*filters: str) -> list[object]:
        return [row["seq"] for row in export.rows("1", "--what", "events", *filters)]

    assert seqs("--direction", "private") == [0, 6]
    assert seqs("--outcome", "failed", "--outcome", "unconfirmed", "--errno", "EAGAIN") == [3]
    assert seqs("--memslot", "1", "--size", "below_2m", "--kind", "conversion") == [1, 2, 5]
    assert seqs("--tid", "101", "--vcpu", "0", "--cause", "vmm") == []


def test_the_state_is_that_of_the_instant(export: Export) -> None:
    assert export.rows("1", "--what", "state", "--at", "210") == [
        {"gfn": 0, "npages": 256, "state": "shared"},
        {"gfn": 0x100000, "npages": 16, "state": "private"},
        {"gfn": 0x100010, "npages": 16, "state": "shared"},
        {"gfn": 0x100020, "npages": 992, "state": "private"},
    ]


def test_the_state_by_default_is_the_last(export: Export) -> None:
    assert sum(row["npages"] for row in export.rows("1", "--what", "state")) == 1280


def test_memslots_have_lifetimes(export: Export) -> None:
    rows = export.rows("1", "--what", "memslots")

    assert [(row["slot"], row["backing"], row["from"], row["to"]) for row in rows] == [
        (0, "hva", 5, 1000),
        (1, "mixed", 10, 1000),
        (2, "hva", 700, 800),
    ]
    assert (rows[1]["guest_memfd"], rows[1]["guest_memfd_offset"]) == (6, 0)
    assert rows[0]["guest_memfd"] is None
    assert [row["slot"] for row in export.rows("1", "--what", "memslots", "--at", "6")] == [0]


def test_notes_are_exported_with_what_they_are_about(tmp_path: Path) -> None:
    path = tmp_path / "noted.db"
    write_small_recording(path)
    engine = open_database(path)
    add_note(engine, 1, Pinned(300, 400, 0x100000, 2), Written('two\nlines, "quoted"', "ann"))
    add_note(engine, 1, Pinned(100), Written("one"))
    engine.dispose()
    export = Export(path)
    first, second = export.rows("1", "--what", "notes")
    assert (first["from"], first["to"], first["gfn"], first["text"]) == (100, None, None, "one")
    assert (second["gfn"], second["npages"], second["author"]) == (0x100000, 2, "ann")
    assert second["text"] == 'two\nlines, "quoted"'
    assert [row["from"] for row in export.rows("1", "--what", "notes", "--to", "200")] == [100]
    (row,) = csv.DictReader(
        export("1", "--what", "notes", "--from", "350", "--format", "csv").decode().splitlines(True)
    )
    assert row["text"] == second["text"]


def test_changes_add_up_to_the_state(export: Export) -> None:
    rows = export.rows("1", "--what", "changes", "--to", "900")

    pages = dict.fromkeys(("private", "shared", "unknown"), 0)
    for row in rows:
        if row["in_memslot"]:
            for side, sign in (("before", -1), ("after", 1)):
                if row[side] != "no_memslot":
                    pages[row[side]] += sign * row["npages"]
    assert pages == {"private": 1004, "shared": 272, "unknown": 4}


@pytest.mark.parametrize("called", ["1", "guest-a"])
def test_a_vm_goes_by_id_or_name(export: Export, called: str) -> None:
    assert len(export.rows(called, "--what", "memslots")) == 3


def test_a_vm_goes_by_uuid(export: Export, small_database: Path) -> None:
    engine = open_database(small_database)
    uuid = Reader(engine).vm(2).uuid
    engine.dispose()

    assert len(export.rows(uuid, "--what", "conversions")) == 1


def test_what_is_called_nothing_is_not_found(
    small_database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["gmemscope", "export", "nobody", "--what", "state"]
    monkeypatch.setattr("sys.argv", [*arguments, "--database", str(small_database)])
    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == 1
    assert "no VM is called 'nobody'" in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["jsonl", "csv", "arrow", "parquet"])
def test_the_ending_of_the_file_chooses_the_format(
    export: Export, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"conversions.{ending}"

    assert export("1", "--what", "conversions", "-o", str(path)) == b""

    assert [int(row["seq"]) for row in read(path)] == [0, 1, 2, 3, 5, 6]


def read(path: Path) -> list[dict[str, str]]:
    match path.suffix:
        case ".jsonl":
            return [json.loads(line) for line in path.read_text().splitlines()]
        case ".csv":
            with path.open(newline="") as lines:
                return list(csv.DictReader(lines))
        case ".arrow":
            table = pa.ipc.open_file(path).read_all()
        case _:
            table = pyarrow.parquet.ParquetFile(path).read(use_threads=False)
    rows: list[dict[str, str]] = table.to_pylist()
    return rows


@pytest.mark.parametrize(
    "arguments",
    [
        ("--what", "state", "--from", "1s"),
        ("--what", "memslots", "--to", "1s"),
        ("--what", "conversions", "--at", "1s"),
        ("--what", "events", "--from", "2s", "--to", "1s"),
        ("--what", "state", "--at", "noon"),
        ("--what", "everything"),
        ("--what", "state", "--tid", "101"),
        ("--what", "conversions", "--kind", "hypercall"),
        ("--what", "events", "--memslot", "9"),
        ("--what", "events", "--errno", "EWHAT"),
        (),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(
    small_database: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    options = [*arguments, "--database", str(small_database)]
    monkeypatch.setattr("sys.argv", ["gmemscope", "export", "1", *options])
    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("0", 0),
        ("12500000000", 12_500_000_000),
        ("12.5s", 12_500_000_000),
        ("300ms", 300_000_000),
        ("0.000000001s", 1),
        ("1_000us", 1_000_000),
    ],
)
def test_instants_are_exact_to_the_nanosecond(text: str, ns: int) -> None:
    assert parse_instant(text) == ns
