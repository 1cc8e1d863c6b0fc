"""The life of a page against its planted ping-pong, and two moments side by side."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app import cli
from app.model.guest import GFN_LIMIT
from app.queries.history import Pages, diff, moment, page_history, rows_between
from app.store.database import open_database
from app.store.errors import NotFound
from app.store.read import Reader
from app.store.schema import Vm

Simulated = tuple[Reader, Vm, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    folder = tmp_path_factory.mktemp("history")
    database, truth = folder / "h.db", folder / "h.json"
    arguments = ["simulate", "boot-and-storm", "--seed", "6", "--database", str(database)]
    assert CliRunner().invoke(cli.app, [*arguments, "--truth", str(truth)]).exit_code == 0
    reader = Reader(open_database(str(database)))
    return reader, reader.vms()[0], json.loads(Path(truth).read_text())["planted"]


def test_every_flip_of_a_page_is_a_step(simulated: Simulated) -> None:
    reader, vm, planted = simulated
    buffer = next(p for p in planted if p["kind"] == "ping-pong" and p["count"] == 1750)
    gfn = buffer["gfn"] + 100
    life = page_history(reader, vm, gfn, -1, 10_000)
    flips = [s for s in life.steps if s.changed and s.what.startswith("conversion")]
    inside = [s for s in flips if buffer["from_t"] <= s.t <= buffer["to_t"]]
    assert len(inside) == buffer["count"]
    assert {(s.tid, s.vcpu) for s in inside} == {(buffer["tid"], buffer["vcpu"])}
    assert [s.t for s in life.steps] == sorted(s.t for s in life.steps)
    assert "memslot set" in {step.what for step in life.steps[:3]}
    assert life.flips >= buffer["count"]


def test_pages_of_a_life_follow_each_other(simulated: Simulated) -> None:
    reader, vm, planted = simulated
    gfn = next(p for p in planted if p["kind"] == "ping-pong" and p["count"] == 1750)["gfn"]
    whole = page_history(reader, vm, gfn, -1, 10_000)
    steps, after = [], -1
    while True:
        part = page_history(reader, vm, gfn, after, 500)
        steps += part.steps
        if part.next is None:
            break
        after = part.next
    assert [(s.seq, s.state) for s in steps if s.seq is not None] == [
        (s.seq, s.state) for s in whole.steps if s.seq is not None
    ]


def test_each_step_tells_the_state_that_the_map_has(simulated: Simulated) -> None:
    reader, vm, planted = simulated
    gfn = next(p for p in planted if p["kind"] == "ping-pong" and p["npages"] > 512)["gfn"]
    last_at = {step.t: step for step in page_history(reader, vm, gfn, -1, 10_000).steps}
    for t, step in list(last_at.items())[::7]:
        runs = reader.page_map_at(vm.id or 0, t).runs(gfn, gfn + 1)
        state = ("shared", "private", "unknown")[runs["state"][0]] if len(runs) else "no memslot"
        assert step.state == state


def test_a_page_that_nothing_touched(simulated: Simulated) -> None:
    reader, vm, _ = simulated
    assert page_history(reader, vm, GFN_LIMIT - 1, -1, 10).next is None


def test_a_diff_is_the_difference_of_the_totals(simulated: Simulated) -> None:
    reader, vm, planted = simulated
    storm = next(p for p in planted if p["kind"] == "storm")
    a, b = (moment(reader, vm, storm[at], None) for at in ("from_t", "to_t"))
    found = diff(a, b, rows_between(reader, a, b))
    moved = {(one.before, one.after): one.pages for one in found.transitions}
    for name in ("private", "shared", "unknown"):
        came = sum(pages for (_, after), pages in moved.items() if after == name)
        went = sum(pages for (before, _), pages in moved.items() if before == name)
        assert came - went == getattr(b.totals, name) - getattr(a.totals, name)
    assert found.runs_in_all >= len(found.runs) > 0
    back = diff(b, a, rows_between(reader, b, a))
    assert {(one.after, one.before): one.pages for one in back.transitions} == moved


def test_a_moment_can_be_counted_from_an_event(simulated: Simulated) -> None:
    reader, vm, _ = simulated
    events, seqs = reader.events(vm.id or 0, after_seq=1000, limit=1)
    counted = moment(reader, vm, 500, int(seqs[0]))
    assert counted.at == int(events["t"][0] + max(events["latency_ns"][0], 0)) + 500
    with pytest.raises(NotFound, match="has no event"):
        moment(reader, vm, None, 10**9)


def test_nothing_differs_from_itself(simulated: Simulated) -> None:
    reader, vm, _ = simulated
    one = moment(reader, vm, None, None)
    found = diff(one, one, rows_between(reader, one, one))
    assert found.transitions == []
    assert found.same_pages == (one.totals.private or 0) + (one.totals.shared or 0) + (
        one.totals.unknown or 0
    )


def test_steps_of_a_range_have_the_state_that_the_map_has(simulated: Simulated) -> None:
    reader, vm, planted = simulated
    planted_at = next(p for p in planted if p["kind"] == "ping-pong" and p["npages"] > 512)
    pages = Pages(planted_at["gfn"] - 300, planted_at["gfn"] + 200)
    life = page_history(reader, vm, pages, -1, 10_000)
    assert {"mixed", "private"} <= {step.state for step in life.steps}
    last_at = {step.t: step for step in life.steps}
    for t, step in list(last_at.items())[::11]:
        runs = reader.page_map_at(vm.id or 0, t).runs(pages.gfn, pages.end_gfn)
        expected = [int(runs["npages"][runs["state"] == state].sum()) for state in (1, 0, 2)]
        assert [step.pages.private, step.pages.shared, step.pages.unknown] == expected


def test_a_range_counts_what_its_pages_count(simulated: Simulated) -> None:
    reader, vm, planted = simulated
    gfn = next(p for p in planted if p["kind"] == "ping-pong" and p["npages"] > 512)["gfn"] - 2
    alone = [page_history(reader, vm, gfn + i, -1, 10_000) for i in range(4)]
    together = page_history(reader, vm, Pages(gfn, gfn + 4), -1, 10_000)
    assert together.flips == sum(life.flips or 0 for life in alone)
    seqs = {step.seq for life in alone for step in life.steps}
    assert {step.seq for step in together.steps} == seqs
    changed: dict[int | None, int] = {}
    for life in alone:
        for step in life.steps:
            changed[step.seq] = changed.get(step.seq, 0) + step.changed_pages
    del changed[None]
    assert {s.seq: s.changed_pages for s in together.steps if s.seq is not None} == changed


def test_a_window_of_a_life_is_its_middle(simulated: Simulated) -> None:
    reader, vm, planted = simulated
    found = next(p for p in planted if p["kind"] == "ping-pong" and p["npages"] > 512)
    whole = page_history(reader, vm, Pages(found["gfn"], found["gfn"] + 600), -1, 10_000)
    window = Pages(found["gfn"], found["gfn"] + 600, found["from_t"], found["to_t"])
    part = page_history(reader, vm, window, -1, 10_000)
    assert 10 < len(part.steps) < len(whole.steps)
    assert part.steps == [s for s in whole.steps if found["from_t"] <= s.t < found["to_t"]]
    rest, after = [], -1
    while True:
        page = page_history(reader, vm, window, after, 100)
        rest += [step for step in page.steps if step.seq is not None]
        if page.next is None:
            break
        after = page.next
    assert rest == [step for step in part.steps if step.seq is not None]
