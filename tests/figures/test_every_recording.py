"""Of every recording: what it cannot know is null, and what it knows in part is a lower bound.

What a recording holds is counted here from its events, one by one.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import httpx
import numpy as np
import pytest
from typer.testing import CliRunner

from app import cli
from app.model.guest import Certainty, EventKind, Outcome, To
from app.model.stats import Dimension, EventQuery, only
from app.queries.figures import row_id, share
from app.queries.history import events_between
from app.queries.storms import headline, interval_view
from app.report import build_report
from app.store.read import Reader
from app.store.schema import Vm
from tests.page_text import PageText
from tests.scraping import of, samples_in

EASY = "min_calls=1&min_rate=0.1&over_baseline=1&min_boot_calls=1"
CHANGES = ("changed", "to_private", "to_shared")


@dataclass(frozen=True)
class Held:
    """What a VM's events hold of its conversions."""

    vm: Vm
    requested: int
    placed: int  # of known range
    may_change: int  # that did not fail
    vague: int  # of these: of unknown range or direction, or not seen to end

    @property
    def id(self) -> int:
        return row_id(self.vm)

    @property
    def leaves_all_open(self) -> bool:
        """Nothing is known of what any conversion changed."""
        return self.may_change > 0 and self.vague == self.may_change


def held(reader: Reader, vm: Vm) -> Held:
    counts: Counter[str] = Counter()
    conversions = EventQuery(where=only(EventKind.CONVERSION))
    for calls, _ in reader.iter_events(row_id(vm), conversions):
        is_placed = calls["range_certainty"] != Certainty.UNKNOWN
        may_change = calls["outcome"] != Outcome.FAILED
        is_vague = ~is_placed | (calls["to"] == To.UNKNOWN)
        is_vague |= calls["outcome"] == Outcome.UNCONFIRMED
        counts["requested"] += len(calls)
        counts["placed"] += int(np.count_nonzero(is_placed))
        counts["may_change"] += int(np.count_nonzero(may_change))
        counts["vague"] += int(np.count_nonzero(may_change & is_vague))
    return Held(vm, *(counts[name] for name in ("requested", "placed", "may_change", "vague")))


@pytest.fixture(scope="module")
def all_held(reader: Reader) -> list[Held]:
    found = [held(reader, vm) for vm in reader.vms(include_unattributed=True)]
    assert len(found) > 50
    assert any(one.leaves_all_open for one in found)
    assert any(0 < one.vague < one.may_change for one in found)
    assert any(one.may_change and not one.vague for one in found)
    return found


Get = Callable[..., Any]


@pytest.fixture(scope="module")
def get(client: httpx.Client) -> Get:
    def ask(path: str, **query: str | int) -> Any:  # noqa: ANN401 -- JSON
        answer = client.get(f"/api/v1{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return ask


def check(part: dict[str, Any], names: tuple[str, ...], *, is_open: bool, is_dark: bool) -> None:
    """`is_open`: some of what they count is not known; `is_dark`: nothing is."""
    for name in names:
        value = part[name]
        if is_dark:
            assert value is None, (name, part)
        elif is_open:
            assert value is None or (value > 0 and name in part["at_least"]), (name, part)
        if value is None:
            assert name not in part["at_least"]


def test_timelines_add_up_to_what_was_requested(all_held: list[Held], get: Get) -> None:
    outcomes = ("to_private", "to_shared", "to_unknown", "failed", "unconfirmed")
    for one in all_held:
        for buckets in (1, 97):
            answer = get(f"/vms/{one.id}/timeline", buckets=buckets)
            assert sum(sum(answer[name]) for name in outcomes) == one.requested
            assert sum(answer["unplaced"]) == one.requested - one.placed
            assert one.vague <= sum(answer["uncertain"]) <= one.requested
            assert sum(answer["uncertain"]) == one.vm.uncertain
            assert sum(answer["doubts"]) == one.vm.events_by_kind.get("doubt", 0)


def test_timelines_have_null_where_nothing_is_known(all_held: list[Held], get: Get) -> None:
    effects = ("noop", "pages_to_private", "pages_to_shared")
    for one in all_held:
        answer = get(f"/vms/{one.id}/timeline", buckets=97)
        opening = [sum(two) for two in zip(answer["uncertain"], answer["doubts"], strict=True)]
        for name in effects:
            for value, is_open in zip(answer[name], opening, strict=True):
                assert value is not None or is_open, name
                assert not (value == 0 and is_open), name
        if not one.vm.layout_is_known:
            for name in ("private", "shared", "unknown", "mixed_2m"):
                assert 0 not in answer[name], name


def test_a_vm_tells_only_what_it_knows(all_held: list[Held], get: Get) -> None:
    for one in all_held:
        vm = get(f"/vms/{one.id}")
        counts, totals = vm["conversions"], vm["totals"]
        is_open = one.vague > 0
        check(counts, ("effective_pages",), is_open=is_open, is_dark=one.leaves_all_open)
        assert one.vague <= counts["uncertain"] <= one.requested
        if not vm["layout_is_known"]:
            check(totals, ("private", "shared", "unknown"), is_open=True, is_dark=False)
            check(vm, ("mixed_2m",), is_open=True, is_dark=False)


def stretches(all_held: list[Held], get: Get) -> Iterator[tuple[Held, dict[str, Any]]]:
    for one in all_held:
        yield one, get(f"/vms/{one.id}/stretch")
        for storm in get(f"/vms/{one.id}/storms?{EASY}")["storms"]:
            check(
                storm,
                ("pages_changed",),
                is_open=False,
                is_dark=one.leaves_all_open and storm["kind"] == "conversions",
            )
            if storm["kind"] == "conversions":
                yield one, get(f"/vms/{one.id}/storms/{storm['id']}?{EASY}")["facts"]


def test_intervals_and_storms_show_only_what_is_known(all_held: list[Held], get: Get) -> None:
    for one, facts in stretches(all_held, get):
        calls, pages, huge = facts["calls"], facts["pages"], facts["huge_pages"]
        is_dark = calls["requested"] > 0 and calls["uncertain"] == (
            calls["applied"] + calls["unconfirmed"]
        )
        is_dark &= one.leaves_all_open and calls["applied"] + calls["unconfirmed"] > 0
        is_open = calls["uncertain"] > 0 or "doubt" in facts["events"]
        check(pages, CHANGES, is_open=is_open, is_dark=is_dark)
        check(calls, ("noop",), is_open=is_open, is_dark=is_dark)
        check(huge, ("broken", "healed"), is_open=is_open, is_dark=is_dark)
        check(facts, ("ping_pong_runs",), is_open=is_open, is_dark=is_dark)
        has_no_range = calls["requested"] > 0 and calls["unplaced"] == calls["requested"]
        check(
            pages,
            ("asked", "asked_to_private", "asked_to_shared"),
            is_open=calls["unplaced"] > 0,
            is_dark=has_no_range,
        )
        is_dark_outside = has_no_range or not one.vm.layout_is_known
        is_open = calls["unplaced"] > 0
        check(facts, ("outside_memslots",), is_open=is_open, is_dark=is_dark_outside)
        if not one.vm.layout_is_known:
            assert not any("no memslot" in words for words in words_of(facts))
        assert calls["uncertain"] <= calls["requested"]
        if calls["unplaced"] and not one.vm.layout_is_known:
            assert pages["net_unknown"] is None
        if is_dark:
            assert (pages["net_private"], pages["net_shared"]) == (None, None)
        check_costs(facts)


def words_of(facts: dict[str, Any]) -> Iterator[str]:
    """What facts call memslots, and places where calls failed."""
    yield from (row["value"] for table in facts["by"] for row in table["rows"])
    yield from (row["value"] for row in facts["before"]["differences"])
    for failure in facts["failures"]:
        yield from (one["where"] for one in failure["reasons"] + failure["examples"])


def test_a_headline_tells_the_cause_of_calls_not_of_what_changed(
    all_held: list[Held], reader: Reader
) -> None:
    reasons = ("because the guest", "of the VMM's own accord", "why is not recorded")
    met = []
    for one in all_held:
        facts = interval_view(reader, one.vm, 0, reader.span(one.id)[1] + 1)
        calls, _, changed = headline(facts).partition(": ")
        assert not any(reason in changed for reason in reasons)
        met += [reason for reason in reasons if reason in calls]
        causes = next(table for table in facts.by if table.dimension == Dimension.CAUSE).rows
        if causes and 0.5 < causes[0].share < 1 and "(why is" not in calls:
            assert f"{share(causes[0].share)} of them " in calls
    assert set(met) == set(reasons)


def check_costs(facts: dict[str, Any]) -> None:
    latency = facts["latency"]
    if not latency["calls"]:
        assert {latency[name] for name in ("p50_ns", "max_ns", "total_ns")} == {None}
    is_part = latency["calls"] < facts["calls"]["requested"]
    check(latency, ("total_ns",), is_open=is_part, is_dark=latency["calls"] == 0)
    for table in facts["by"]:
        for row in table["rows"]:
            if row["value"] in ("to unknown", "range not recorded", "unconfirmed"):
                is_dark = row["calls"] > row["failed"]
                check(row, ("effective_pages",), is_open=False, is_dark=is_dark)


def test_maps_name_what_is_not_on_them(all_held: list[Held], get: Get) -> None:
    for one in all_held:
        path = f"/vms/{one.id}/raster"
        for measure in ("private", "conversions", "ping_pong", "mixed"):
            answer = get(path, measure=measure, width=20, height=20)
            assert answer["unplaced"] == one.requested - one.placed
            assert not (answer["max"] == 0 and answer["unplaced"])
        for band in answer["bands"]:
            t = (answer["from"] + answer["to"]) // 2
            cell = get(f"{path}/cell", t=t, gpa=band["gpa_from"], width=1, height=20)
            check(cell, ("conversions", "failed"), is_open=cell["unplaced"] > 0, is_dark=False)
            check(cell, ("returns", "mixed"), is_open=cell["unknown"] > 0, is_dark=False)


def test_two_moments_show_only_what_is_known(all_held: list[Held], get: Get) -> None:
    for one in all_held:
        first, last = get(f"/vms/{one.id}")["span"]
        answer = get("/diff", vm=one.id, at=first, at_b=last)
        assert one.vm.layout_is_known or answer["same_pages"] != 0
        for side in (answer["a"], answer["b"]):
            if not one.vm.layout_is_known:
                check(side["totals"], ("private", "shared"), is_open=True, is_dark=False)
            is_open = not one.vm.layout_is_known or side["totals"]["unknown"] > 0
            check(side, ("mixed_2m",), is_open=is_open, is_dark=False)
        if not one.vm.layout_is_known:
            assert answer["same_pages"] != 0
            assert "no memslot" not in {side for row in answer["runs"] for side in row.values()}


def test_without_memslots_nothing_is_shown_of_backing(all_held: list[Held], get: Get) -> None:
    for one in all_held:
        backing = get(f"/vms/{one.id}/backing")
        assert bool(backing["points"]) == one.vm.layout_is_known
        assert (backing["stale_private_runs"] is not None) == one.vm.layout_is_known


def test_events_leave_open_what_they_changed(all_held: list[Held], get: Get) -> None:
    for one in all_held:
        items = get(f"/vms/{one.id}/events", kind="conversion", limit=10_000)["items"]
        open_ = [event for event in items if event["effective_pages"] is None]
        assert len(open_) == one.vague


def test_doubts_leave_open_what_they_changed(all_held: list[Held], get: Get) -> None:
    doubts = [
        event for one in all_held for event in get(f"/vms/{one.id}/events", kind="doubt")["items"]
    ]
    assert doubts
    assert {event["effective_pages"] for event in doubts} == {None}


def test_a_call_changes_no_more_pages_than_it_names(all_held: list[Held], reader: Reader) -> None:
    steps = [
        step
        for one in all_held
        if not one.vm.layout_is_known
        for step in events_between(reader, one.id, 0, 1 << 62, 1000).first
        if step.npages is not None
    ]
    assert steps
    assert all(sum(asdict(step.pages).values()) <= step.npages for step in steps)


def test_metrics_leave_out_what_is_not_known(
    all_held: list[Held], client: httpx.Client, get: Get
) -> None:
    samples = samples_in(client.get("/metrics").text)
    for one in all_held:
        vm = get(f"/vms/{one.id}")
        guest = {"uuid": vm["guest_uuid"] or vm["uuid"], "name": vm["name"]}
        effective = of(samples, "gmemscope_effective_pages_total", **guest)
        assert effective == vm["conversions"]["effective_pages"]
        uncertain = of(samples, "gmemscope_conversions_uncertain_total", **guest)
        assert uncertain is not None
        assert one.vague <= uncertain <= one.requested
        for state in ("private", "shared", "unknown"):
            pages = of(samples, "gmemscope_pages", **guest, state=state)
            assert one.vm.layout_is_known or pages != 0


def test_pages_and_reports_show_not_recorded(
    all_held: list[Held], client: httpx.Client, reader: Reader
) -> None:
    dark = [one for one in all_held if one.leaves_all_open and not one.placed]
    assert len(dark) > 5
    for one in dark[:8]:
        texts = [
            client.get(f"/vms/{one.id}/stretch").text,
            build_report(reader, one.vm, None, redact=False),
        ]
        for page in map(PageText, texts):
            assert "no unknown pages more" not in page.text
            for card in ("asked for", "really changed", "2 MiB blocks mixed"):
                assert page.cards[card][0] == "not recorded", card
            assert page.cards["net change"][0] == "not known"
            assert "which pages changed is not recorded" in page.headline
            for lie in ("No page went back", "no page changed", "no page in a memslot changed"):
                assert lie not in page.text


def test_commands_print_not_recorded(
    all_held: list[Held], all_recordings: object, get: Get
) -> None:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(cli.app, [*arguments, "--database", str(all_recordings)])
        assert result.exit_code == 0, result.output
        return result.output

    easy = [f"--{each.replace('_', '-')}" for each in EASY.split("&")]
    listed = run("list")
    dark = [
        one for one in all_held if one.leaves_all_open and not one.placed and one.requested > 20
    ]
    for one in dark[:2]:
        line = next(line for line in listed.splitlines() if f" vm {one.id}  " in line)
        assert line.endswith("pages: not recorded")
        text = run("storms", str(one.id), "--storm", "1", *easy)
        assert "how many changed nothing is not recorded" in text
        assert "pages changed: not recorded" in text
        assert "ping-pong not recorded" in text
