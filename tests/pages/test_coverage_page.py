"""The coverage page: blind spots with their cost, counters that go on, losses by time and CPU."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from app.pages._recordings import WIDTH, bands, losses_by_cpu
from app.store.database import open_database
from app.store.protocol import Loss, RecordingHeader
from app.store.write import RecordingWriter
from collector.capture.agent._counters import Counters
from collector.capture.doctor._finding import Finding, has, lacks
from collector.coverage import COST_OF_MISSING, Capability, describe_coverage
from tests.browsing import Complaints, Dashboard, dashboard_over, eventually

OpenPage = Callable[..., Page]
FINDINGS: list[Finding] = [
    has("kernel", "6.12 <b>"),
    lacks("kprobes", "the kernel was built without CONFIG_KPROBE_EVENTS", "no stand-in"),
]
HOST = {
    "kernel": {"config": {"KVM": "y"}},
    "kvm": {"parameters": {"kvm.tdp_mmu": "Y"}, "capabilities": {"GUEST_MEMFD": 1}},
    "tracing": {"events": {"kvm:kvm_hypercall": True, "kvm:kvm_rmp_fault": False}},
    "findings": [asdict(finding) for finding in FINDINGS],
}


def counters(events: int, **others: int | float) -> dict[str, object]:
    counted = Counters(events=events, duration_s=10.0, cpu_s=0.5, database_bytes=4096)
    return asdict(counted) | others


def coverage(events: int, **others: int | float) -> dict[str, object]:
    seen = describe_coverage(
        {Capability.CONVERSIONS: True}, events={"kvm:kvm_hypercall": events}, notes=("A note.",)
    )
    return seen | {"host": HOST, "collector": counters(events, **others)}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(tmp_path / "live.db")
    yield opened
    opened.dispose()


@pytest.fixture
def live(engine: Engine) -> Iterator[RecordingWriter]:
    """A recording that is being made."""
    header = RecordingHeader("host7 live", "tracefs", "host7", "mono", 0, coverage=coverage(1000))
    with RecordingWriter(engine, header, is_live=True) as writer:
        writer.advance(10**9)
        yield writer


@pytest.fixture
def running(tmp_path: Path, live: RecordingWriter) -> Iterator[Dashboard]:
    with dashboard_over(tmp_path / "live.db") as dashboard:
        yield dashboard


def card(page: Page, name: str) -> str:
    return page.locator(".cards > div").filter(has_text=name).inner_text()


def test_blind_spots_host_and_counters_are_shown(open_page: OpenPage, running: Dashboard) -> None:
    page = open_page(f"{running.url}/recordings/1")
    page.get_by_role("link", name="Everything about its coverage").click()
    expect(page).to_have_title("Coverage of host7 live · gmemscope")
    expect(page.get_by_text(COST_OF_MISSING[Capability.MEMSLOTS])).to_be_visible()
    expect(page.get_by_text("A note.")).to_be_visible()
    expect(page.get_by_text("6.12 <b>")).to_be_visible()
    expect(page.get_by_text("Costs: no stand-in.")).to_be_visible()
    assert "1\u2009000" in card(page, "calls")
    assert "5.0 % of a core" in card(page, "CPU")
    assert "nothing" in card(page, "lost")
    row = page.get_by_role("row").filter(has_text="kvm:kvm_rmp_fault")
    expect(row).to_contain_text("no")
    expect(page.get_by_role("row").filter(has_text="kvm:kvm_hypercall")).to_contain_text("yes")
    expect(page.get_by_text("No lost event is on record.")).to_be_visible()


def test_counters_go_on_while_it_is_recorded_and_stop_at_its_end(
    open_page: OpenPage, running: Dashboard, live: RecordingWriter
) -> None:
    page = open_page(f"{running.url}/recordings/1/coverage")

    def is_fresh() -> bool:
        live._commit()
        return page.locator("#age").inner_text() == "Last data now."

    eventually(page, is_fresh)
    live.update_coverage(coverage(2000, lost=7, losses=1))
    live.add_loss(Loss(10, 20, 7, 1, "tracefs"))
    live._commit()
    eventually(page, lambda: "2\u2009000" in card(page, "calls"))
    eventually(page, lambda: "7 events lost" in card(page, "lost"))
    expect(page.locator(".losses-by-cpu li")).to_have_text(["CPU 1"])
    live.__exit__(None, None, None)
    expect(page.locator("#state")).to_have_attribute("data-live", "no")
    expect(page.get_by_text("Last counted at")).to_be_visible()
    expect(page.locator(".badge.live")).to_have_count(0)
    live.__enter__()  # so that the fixture can leave it once more


def test_collector_that_fell_silent_is_known(open_page: OpenPage, running: Dashboard) -> None:
    page = open_page(f"{running.url}/recordings/1/coverage")
    expect(page.locator("#age.stale")).to_contain_text("Last data")
    expect(page.locator("#age")).to_contain_text("ago")


def test_server_that_is_gone_is_known(
    open_page: OpenPage, running: Dashboard, complaints: Complaints
) -> None:
    page = open_page(f"{running.url}/recordings/1/coverage")
    running.stop()
    expect(page.locator("#banner")).to_contain_text("The server does not answer")
    page.close()
    complaints.clear()


def test_narrow_page_does_not_scroll_sideways(open_page: OpenPage, running: Dashboard) -> None:
    narrow = {"width": 390, "height": 844}
    page = open_page(f"{running.url}/recordings/1/coverage", viewport=narrow, color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.fixture
def others(tmp_path: Path) -> Iterator[str]:
    """An import that says nothing, and a simulation."""
    path = tmp_path / "others.db"
    engine = open_database(path)
    plain = RecordingHeader("p", "trace.dat", "h", "mono", 0, origin="r.dat", kernel_release="6.12")
    simulated = RecordingHeader("s", "simulator", "h", "simulated", 0)
    for header in (plain, simulated):
        with RecordingWriter(engine, header) as writer:
            writer.advance(10)
    engine.dispose()
    with dashboard_over(path) as dashboard:
        yield dashboard.url


def test_import_shows_what_is_known_and_names_what_is_not(others: str) -> None:
    body = httpx.get(f"{others}/recordings/1/coverage").text
    for words in (
        "The recording does not name what it lacks.",
        "<dd>6.12</dd>",
        "<code>r.dat</code> records no more of the host",
        "this recording was imported from a file",
        "The recording does not name the events it was made from.",
    ):
        assert words in body


def test_simulation_has_no_host(others: str) -> None:
    body = httpx.get(f"{others}/recordings/2/coverage").text
    assert "No kernel was traced" in body
    assert "There is none." in body


def test_unknown_recording_is_a_page_not_found(others: str) -> None:
    answer = httpx.get(f"{others}/recordings/9/coverage")
    assert (answer.status_code, "There is no recording 9." in answer.text) == (404, True)


def test_losses_lie_where_they_were() -> None:
    losses = [Loss(0, 100, 1, 1, "s"), Loss(500, 500, 1, None, "s"), Loss(990, 1000, 1, 0, "s")]
    by_cpu = losses_by_cpu(losses, 1000)
    assert [(cpu.name, cpu.bands) for cpu in by_cpu] == [
        ("every CPU", [(500, 1)]),
        ("CPU 0", [(990, 10)]),
        ("CPU 1", [(0, 100)]),
    ]


def test_losses_that_touch_are_one_band_and_none_is_outside() -> None:
    losses = [Loss(t, t + 1, 1, 0, "s") for t in range(0, 10**6, 7)]
    assert bands(losses, 10**6) == [(0, WIDTH)]
    assert bands([Loss(10**6, 10**6, 1, 0, "s")], 10**6) == [(WIDTH - 1, 1)]
    assert bands([Loss(0, 0, 1, 0, "s")], 0) == [(0, 1)]
