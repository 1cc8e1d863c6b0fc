"""Storms that were planted are found as they were planted, and none where there are none."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.model.events import EventKind
from app.store.database import open_database
from app.store.errors import NotFound
from app.store.reader import Reader
from app.store.tables import Vm
from app.views.storm_lines import fact_lines, list_lines
from app.views.storms import StormRules, Storms

MILLISECOND = 1_000_000
SCENARIOS = ("calm", "boot-and-storm", "mmio-hole", "kexec", "balloon", "implicit-only")

Planted = list[dict[str, Any]]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database and a truth for each scenario."""
    folder = tmp_path_factory.mktemp("storms")
    for scenario in SCENARIOS:
        command = [sys.executable, "-m", "app.cli", "simulate", scenario, "--seed", "11"]
        command += ["--database", str(folder / f"{scenario}.db")]
        command += ["--truth", str(folder / f"{scenario}.json")]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    return folder


def opened(folder: Path, scenario: str) -> tuple[Reader, Vm, Planted]:
    reader = Reader(open_database(str(folder / f"{scenario}.db")))
    truth = json.loads((folder / f"{scenario}.json").read_text())
    return reader, reader.vms()[0], truth["planted"]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_was_planted_is_found_and_nothing_else(simulated: Path, scenario: str) -> None:
    reader, vm, planted = opened(simulated, scenario)
    found = Storms(reader).list(vm).storms
    expected = [one for one in planted if one["kind"] == "storm"]
    assert len(found) == len(expected)
    for storm, truth in zip(found, expected, strict=True):
        assert abs(storm.from_t - truth["from_t"]) < 5 * MILLISECOND
        assert abs(storm.to_t - truth["to_t"]) < 20 * MILLISECOND
        assert storm.kind == "conversions"


def test_a_storm_is_counted_as_it_was_planted(simulated: Path) -> None:
    reader, vm, planted = opened(simulated, "boot-and-storm")
    storms = Storms(reader)
    storm = storms.list(vm).storms[0]
    facts = storms.facts(vm, storm)
    inside = [p for p in planted if storm.from_t <= p["from_t"] and p["to_t"] <= storm.to_t]

    def of_kind(kind: str) -> Planted:
        return [one for one in inside if one["kind"] == kind]

    runs = [(r.gfn, r.npages, r.flips, r.threads[0].tid) for r in facts.ping_pong]
    assert set(runs) >= {
        (p["gfn"], p["npages"], p["count"], p["tid"]) for p in of_kind("ping-pong")
    }
    failures = {failure.name: failure.calls for failure in facts.failures}
    assert failures == {p["errno"]: p["count"] for p in of_kind("failures")}
    assert facts.calls.noop == sum(p["count"] for p in of_kind("no-ops"))
    assert facts.calls.unconfirmed == len(of_kind("unconfirmed"))
    assert facts.events["page_fault"] == sum(p["count"] for p in of_kind("page faults"))
    for p in of_kind("ping-pong"):
        run = next(run for run in facts.ping_pong if run.gfn == p["gfn"])
        assert abs(run.period_ns - p["period_ns"]) < p["period_ns"] / 100


def test_sums_close(simulated: Path) -> None:
    reader, vm, _ = opened(simulated, "boot-and-storm")
    storms = Storms(reader)
    facts = storms.facts(vm, storms.list(vm).storms[0])
    calls, pages = facts.calls, facts.pages
    assert calls.requested == calls.applied + calls.failed + calls.unconfirmed
    assert pages.asked == pages.asked_to_private + pages.asked_to_shared
    for table in facts.by:
        if table.values == len(table.rows):
            assert sum(row.calls for row in table.rows) == calls.requested
    before, after = facts.state_before, facts.state_after
    assert after.private - before.private == pages.net_private
    assert after.shared - before.shared == pages.net_shared
    assert after.unknown - before.unknown == pages.net_unknown
    huge = facts.huge_pages
    assert huge.mixed_after - huge.mixed_before == huge.broken - huge.healed


def test_ids_stay_and_places_work(simulated: Path) -> None:
    reader, vm, _ = opened(simulated, "boot-and-storm")
    storms = Storms(reader)
    storm = storms.list(vm).storms[0]
    (again,) = storms.list(vm, StormRules().scaled(10_000, 500.0, 20.0)).storms
    assert again.id == storm.id
    assert storms.find(vm, storm.id) == storms.find(vm, "1") == storm
    first, seqs = reader.events(vm.id or 0, after_seq=int(storm.id[1:]) - 1, limit=1)
    assert (int(seqs[0]), first["kind"][0]) == (int(storm.id[1:]), EventKind.CONVERSION)
    with pytest.raises(NotFound, match="no storm '9'"):
        storms.find(vm, "9")


def test_thresholds_can_be_moved(simulated: Path) -> None:
    reader, vm, _ = opened(simulated, "boot-and-storm")
    assert Storms(reader).list(vm, StormRules().scaled(100_000, None, None)).storms == []


def test_the_text_names_what_matters(simulated: Path) -> None:
    reader, vm, _ = opened(simulated, "boot-and-storm")
    storms = Storms(reader)
    listed = "\n".join(list_lines(storms.list(vm)))
    assert "160 failed" in listed
    assert "baseline" in listed
    text = "\n".join(fact_lines(storms.facts(vm, storms.find(vm, "1"))))
    assert "ping-pong at 0x" in text
    assert "EINVAL: address or size is not a multiple of 4 KiB" in text
