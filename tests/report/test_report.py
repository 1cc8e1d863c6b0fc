"""A report is one file that has everything, and nothing that was to be left out."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import cli
from app.queries.storms import Storms
from app.report import _build as build
from app.store.catalogue import Pinned, Written, add_note, delete_note
from app.store.database import open_database
from app.store.read import Reader

Write = Callable[..., Path]
LIMIT = 5_000_000


def without_library(path: Path) -> str:
    return path.read_text().replace(build.PLOTLY.read_text(), "")


def test_it_is_one_file_that_fetches_nothing(report: Write) -> None:
    path = report()
    assert path.stat().st_size < LIMIT
    text = without_library(path)
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", text)
    assert text.count('id="hatch"') == 1  # what is unknown would be blank without it
    assert "url(" not in re.sub(r"url\(#hatch\)", "", text)


def test_it_states_what_the_storm_was_and_where_the_figures_come_from(
    report: Write, stormy: Path
) -> None:
    text = without_library(report())
    reader = Reader(open_database(str(stormy)))
    storm = Storms(reader).list(reader.vms()[0]).storms[0]
    assert f"Storm {storm.id}" in text
    assert "went back and forth 16,000 times" in text
    captions = re.findall(r'<figure class="chart">.*?</figure>', text, re.DOTALL)
    assert len(captions) == 8  # the overview's two, and two of each storm
    for caption in captions:
        assert "simulated clock, ranges seen" in caption
        assert "events lost" in caption
    assert "This recording is simulated" in text


def test_figures_have_their_numbers(report: Write) -> None:
    text = without_library(report())
    found = re.search(r'id="report-data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    figures = json.loads(found[1])
    timeline = figures["overview-timeline"]
    asked = sum(
        rate * width for rate, width in zip(timeline["to_private"], timeline["width"], strict=True)
    )
    assert asked > 10_000
    assert figures["overview-map"]["image"].startswith("data:image/png;base64,")


@pytest.fixture
def noted(stormy: Path) -> Iterator[Reader]:
    """The recording with a note in its storm and one before it; gone afterwards."""
    reader = Reader(open_database(str(stormy)))
    storm = Storms(reader).list(reader.vms()[0]).storms[0]
    written = [
        add_note(reader.engine, 1, pinned, Written(text, "Ann Onymous"))
        for pinned, text in (
            (Pinned(storm.from_t, storm.to_t, 0x1234, 2), "<i>guest-7</i> went wild at 0x1234000"),
            (Pinned(0), "here it booted"),
        )
    ]
    yield reader
    for note_id in written:
        delete_note(reader.engine, 1, note_id)


@pytest.mark.usefixtures("noted")
def test_notes_are_in_it_as_they_were_written(report: Write) -> None:
    text = without_library(report())
    assert "&lt;i&gt;guest-7&lt;/i&gt; went wild at 0x1234000" in text
    assert "here it booted" in text
    assert "0x0_0123_4000 to 0x0_0123_6000" in text
    assert "Ann Onymous" in text
    one_storm = without_library(report("--storm", "1"))
    assert "went wild" in one_storm
    assert "here it booted" not in one_storm


def test_one_storm_can_be_chosen_and_must_be_there(report: Write, stormy: Path) -> None:
    assert "Storm c" in without_library(report("--storm", "1"))
    arguments = ["report", "1", "-o", "x.html", "--storm", "9", "--database", str(stormy)]
    result = CliRunner().invoke(cli.app, arguments)
    assert "no storm '9'" in str(result.exception)


def test_a_calm_recording_has_a_report_too(small_database: Path, tmp_path: Path) -> None:
    path = tmp_path / "calm.html"
    arguments = ["report", "1", "-o", str(path), "--database", str(small_database)]
    assert CliRunner().invoke(cli.app, arguments).exit_code == 0
    text = without_library(path)
    assert "No stretch of this recording is a storm" in text
    assert "The whole recording" in text


def test_what_cannot_be_written_is_named(stormy: Path, tmp_path: Path) -> None:
    target = tmp_path / "nowhere" / "report.html"
    arguments = ["report", "1", "-o", str(target), "--database", str(stormy)]
    result = CliRunner().invoke(cli.app, arguments)
    assert "No such file" in str(result.exception)


def test_without_the_browsers_library_it_states_how_to_get_it(
    stormy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "PLOTLY", tmp_path / "plotly.min.js")
    arguments = ["report", "1", "-o", str(tmp_path / "r.html"), "--database", str(stormy)]
    result = CliRunner().invoke(cli.app, arguments)
    assert "scripts/assets" in str(result.exception)


def test_it_can_be_redacted(report: Write, stormy: Path) -> None:
    reader = Reader(open_database(str(stormy)))
    text = without_library(report("--redact"))
    assert "Redacted: this file holds" in text
    assert reader.vms()[0].name not in text
