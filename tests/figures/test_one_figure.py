"""One figure, wherever it appears: the same on pages, in reports, commands, JSON and metrics."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from app import cli
from app.queries.figures import _number_text as text
from app.settings import Settings
from tests.commands import run
from tests.page_text import PageText
from tests.scraping import of, samples_in
from tests.serving import serving

EASY = {"min_calls": "20", "min_rate": "10", "over_baseline": "1", "min_boot_calls": "20"}
OPTIONS = [f"--{name.replace('_', '-')}={value}" for name, value in EASY.items()]
QUERY = "&".join(f"{name}={value}" for name, value in EASY.items())
FILES = (
    "convwork/lean.dat",  # without ranges
    "lossy/starved.dat",  # lost events
    "convwork/probes.dat",  # everything
    "tp-convwork/lean.dat",
)


class Answers:
    """The answers of every interface about one recording."""

    summary: dict[str, Any]

    def __init__(self, database: Path, client: httpx.Client) -> None:
        self.database = database
        self._client = client

    def rest(self, path: str) -> Any:  # noqa: ANN401 -- JSON
        answer = self._client.get(f"/api/v1{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def page(self, path: str) -> PageText:
        answer = self._client.get(path)
        assert answer.status_code == 200, answer.text
        return PageText(answer.text)

    def raw(self, path: str) -> str:
        return self._client.get(path).text

    def run(self, *arguments: str) -> str:
        result = CliRunner().invoke(cli.app, [*arguments, "--database", str(self.database)])
        assert result.exit_code == 0, result.output
        return result.output

    def vms(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.rest("/vms")["items"]
        return found

    def storms(self, vm: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.rest(f"/vms/{vm}/storms?{QUERY}")["storms"]
        return found


Made = Callable[[Path], None]


@pytest.fixture(scope="module", params=(*FILES, "simulated"))
def answers(
    request: pytest.FixtureRequest, recordings: Path, tmp_path_factory: pytest.TempPathFactory
) -> Any:  # noqa: ANN401 -- a generator of Answers
    database = tmp_path_factory.mktemp("answers") / "gmemscope.db"
    what: tuple[str, ...] = ("simulate", "boot-and-storm", "--seed", "5")
    if request.param != "simulated":
        what = ("import", str(recordings / request.param))
    made = run(*what, "--json", "--database", database)
    with serving(Settings(database_url=str(database))) as client:
        answers = Answers(database, client)
        answers.summary = json.loads(made)
        yield answers


def plain(printed_text: str) -> str:
    """Without thin spaces and commas between digits."""
    return re.sub(r"(?<=\d)[\u2009,](?=\d)", "", printed_text)


def known(part: dict[str, Any], name: str, write: Callable[[Any], str]) -> str:
    """A figure of JSON as pages must show it."""
    if part[name] is None:
        return "not recorded"
    return ("at least " if name in part["at_least"] else "") + write(part[name])


def test_a_storm_is_the_same_on_its_page_in_lists_reports_and_commands(answers: Answers) -> None:
    for vm in answers.vms():
        listed = answers.page(f"/vms/{vm['id']}/storms?{QUERY}")
        lines = plain(answers.run("storms", str(vm["id"]), *OPTIONS)).splitlines()
        for storm in answers.storms(vm["id"]):
            length = text.duration(storm["to"] - storm["from"])
            rate, peak = (text.rate(storm[name]) for name in ("per_second", "peak_per_second"))
            changed = known(storm, "pages_changed", text.count)
            row = next(row for row in listed.rows if row and row[0] == storm["id"])
            assert row[3:9] == [
                length,
                text.count(storm["calls"]),
                rate,
                peak,
                text.count(storm["failed"]),
                changed,
            ]
            line = next(line for line in lines if f" {storm['id']} " in line)
            assert f"  {length}  {storm['calls']} {storm['kind']}, {plain(rate)}" in line
            assert f"(peak {plain(peak)} in 134 ms)" in line
            check_in_full(answers, vm["id"], storm, peak)


def check_in_full(answers: Answers, vm: int, storm: dict[str, Any], peak: str) -> None:
    page = answers.page(f"/vms/{vm}/storms/{storm['id']}?{QUERY}")
    report = answers.page(f"/vms/{vm}/report?storm={storm['id']}&{QUERY}")
    answer = answers.rest(f"/vms/{vm}/storms/{storm['id']}?{QUERY}")
    printed = json.loads(answers.run("storms", str(vm), "--storm", storm["id"], "--json", *OPTIONS))
    assert answer == printed
    assert answer["storm"] == storm
    for each in (page, report):
        assert f"Peak {peak} in 134 ms" in each.text
        check_cards(each, answer["facts"])
    assert report.headline.endswith(page.headline)
    if storm["kind"] == "conversions":
        facts = answer["facts"]["calls"]
        assert (facts["requested"], facts["failed"]) == (storm["calls"], storm["failed"])
        assert facts["per_second"] == storm["per_second"]
        assert answer["facts"]["pages"]["changed"] == storm["pages_changed"]
    check_command(answers.run("storms", str(vm), "--storm", storm["id"], *OPTIONS), answer["facts"])


def check_cards(page: PageText, facts: dict[str, Any]) -> None:
    calls, pages, latency = facts["calls"], facts["pages"], facts["latency"]
    huge, cards = facts["huge_pages"], page.cards
    assert cards["requested"][:2] == [
        text.count(calls["requested"]),
        text.rate(calls["per_second"]),
    ]
    assert cards["applied"][0] == text.count(calls["applied"])
    assert cards["failed"][0] == text.count(calls["failed"])
    assert cards["asked for"][0] == known(pages, "asked", text.pages)
    assert cards["really changed"][0] == known(pages, "changed", text.pages)
    assert cards["latency, median"][0] == known(latency, "p50_ns", text.duration)
    assert cards["time inside the calls"][0] == known(latency, "total_ns", text.duration)
    assert cards["2 MiB blocks mixed"][0] == known(huge, "mixed_after", text.count)
    assert cards["private pages freed"][0] == known(facts, "punched_pages", text.pages)
    if latency["calls"]:
        others = (text.duration(latency[name]) for name in ("p95_ns", "p99_ns", "max_ns"))
        assert cards["latency, median"][1] == "p95 {}, p99 {}, max {}".format(*others)
    if latency["share_of_threads"] is not None:
        share = known(latency, "share_of_threads", text.share)
        assert share in cards["time inside the calls"][1]
        assert f"spent {share} of the time inside the calls" in page.text
    if "page_fault" not in facts["not_recorded"]:
        assert cards["guest page faults"][:2] == [
            text.count(facts["events"].get("page_fault", 0)),
            text.rate(facts["faults_per_second"]),
        ]


def check_command(printed_text: str, facts: dict[str, Any]) -> None:
    calls, pages, latency = facts["calls"], facts["pages"], facts["latency"]
    printed_text = plain(printed_text)
    assert f"{calls['requested']} requested: {calls['applied']} applied" in printed_text
    assert f"{calls['failed']} failed, {calls['unconfirmed']} unconfirmed" in printed_text
    if pages["changed"] is not None:
        assert f"{known(pages, 'changed', str)} pages changed" in printed_text
    if latency["calls"]:
        p50, total = (known(latency, n, text.duration) for n in ("p50_ns", "total_ns"))
        assert f"latency p50 {p50}," in printed_text
        assert f"; {total} in all" in printed_text


def test_a_vms_counts_are_the_same_everywhere(answers: Answers) -> None:
    recording = answers.page("/recordings/1")
    listed = plain(answers.run("list")).splitlines()
    home = answers.page("/")
    samples = samples_in(answers.raw("/metrics"))
    for vm in answers.vms():
        counts, totals = vm["conversions"], vm["totals"]
        changed = known(counts, "effective_pages", text.count)
        names = (vm["name"], f"{vm['name']}, may be several VMs")
        row = next(row for row in recording.rows if row and row[0] in names)
        outcomes = [counts[name] for name in ("requested", "applied", "failed", "unconfirmed")]
        assert row[5:10] == [*map(text.count, outcomes), changed]
        report = answers.page(f"/vms/{vm['id']}/report")
        assert f"page changes: {changed}" in report.cards["conversions"][0]
        assert report.cards["conversions"][0].startswith(
            f"{text.count(counts['requested'])} requested"
        )
        for state in ("private", "shared", "unknown"):
            pages = known(totals, state, text.pages)
            assert f"{state} {pages}" in report.cards["at the end"][0]
        line = next(line for line in listed if f" vm {vm['id']}  " in line)
        assert f"{counts['requested']} conversions ({counts['failed']} failed)" in line
        timeline = answers.rest(f"/vms/{vm['id']}/timeline?buckets=7")
        assert sum(timeline["failed"]) == counts["failed"]
        assert sum(timeline["uncertain"]) == counts["uncertain"]
        assert sum(timeline["to_unknown"]) == counts["to_unknown"]
        applied = sum(sum(timeline[f"to_{to}"]) for to in ("private", "shared", "unknown"))
        assert applied == counts["applied"]
        moved = sum(
            value or 0 for name in ("private", "shared") for value in timeline[f"pages_to_{name}"]
        )
        assert moved == (counts["effective_pages"] or 0)
        guest = {"uuid": vm["guest_uuid"] or vm["uuid"], "name": vm["name"]}
        failed = of(samples, "gmemscope_conversions_total", **guest, outcome="failed")
        assert failed == counts["failed"]
        assert any(text.count(counts["requested"]) in row for row in home.rows)


def test_a_recording_is_summed_up_the_same_everywhere(answers: Answers) -> None:
    strays = answers.rest("/vms?unattributed=true")["items"]
    counts = [vm["conversions"] for vm in strays]
    summed = answers.summary["conversions"]
    for name in ("requested", "applied", "failed", "unconfirmed", "to_unknown", "uncertain"):
        assert summed[name] == sum(each[name] for each in counts), name
    recording = answers.rest("/recordings/1")
    assert answers.summary["lost_events"] == recording["lost_events"]
    if recording["losses"]:
        lost = text.lost(recording["lost_events"], recording["losses"])
        assert lost in answers.page("/recordings/1").text.lower()
        assert lost in answers.page("/vms/1/report").text.lower()


def test_a_stretch_is_what_its_storm_is(answers: Answers) -> None:
    for vm in answers.vms():
        for storm in answers.storms(vm["id"]):
            window = f"from={storm['from']}&to={storm['to']}"
            stretch = answers.rest(f"/vms/{vm['id']}/stretch?{window}")
            full = answers.rest(f"/vms/{vm['id']}/storms/{storm['id']}?{QUERY}")["facts"]
            assert stretch == full
            page = answers.page(f"/vms/{vm['id']}/stretch?{window}")
            check_cards(page, stretch)
            timeline = answers.rest(f"/vms/{vm['id']}/timeline?{window}&buckets=1")
            assert timeline["noop"][0] == stretch["calls"]["noop"]
            assert sum(timeline["uncertain"]) == stretch["calls"]["uncertain"]
            assert sum(timeline["unplaced"]) == stretch["calls"]["unplaced"]
