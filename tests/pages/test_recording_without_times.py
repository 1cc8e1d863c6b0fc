"""A log of QEMU without times: lines are counted, and nothing on screen looks like a time."""

import json
import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from app.store.database import open_database
from app.store.write import RecordingWriter
from collector.importing import import_file
from tests.browsing import PATIENCE_S, Dashboard, dashboard_over, wait_until_drawn

OpenPage = Callable[..., Page]
SLOT = (
    "kvm_set_user_memory AddrSpace#0 Slot#0 flags=0x4 gpa=0x0 size=0x1000000 ua=0x7f0000000000 "
    "guest_memfd=12 guest_memfd_offset=0x0 ret=0"
)
CALLS = 12_000


@pytest.fixture(scope="module")
def without_times(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    folder = tmp_path_factory.mktemp("lines")
    log = folder / "guest.log"
    pages = ((f"{4096 * (n % 4096):x}", "private_to_shared", "populated") for n in range(CALLS))
    lines = [
        f"kvm_convert_memory start 0x{gpa} size 0x1000 {how}\n"
        f"ram_block_attributes_state_change offset 0x{gpa} size 0x1000 from 'mixture' to '{to}'"
        for gpa, how, to in pages
    ]
    log.write_text("\n".join(("kvm_slots_grow 0 -> 16", SLOT, *lines, "")))
    engine = open_database(folder / "gmemscope.db")
    import_file(log, "qemu", lambda header: RecordingWriter(engine, header))
    engine.dispose()
    with dashboard_over(folder / "gmemscope.db") as dashboard:
        yield dashboard


@pytest.mark.parametrize(
    "path",
    ["/recordings/1", "/vms/1/storms", "/vms/1/stretch", "/vms/1/backing", "/vms/1/report"],
)
def test_pages_speak_of_lines(without_times: Dashboard, path: str) -> None:
    text = httpx.get(without_times.url + path, timeout=PATIENCE_S).text
    shown = re.sub(r"<[^>]*>", " ", re.sub(r"(?s)<(script|style).*?</\1>", " ", text))
    assert not re.search(r"\bseconds?\b", shown)
    assert not re.search(r"t\+\d|\d\u2009?(?:[mµn]?s|/s)\b", shown)
    assert "no times" in shown or "line " in shown


def test_figures_of_a_report_count_lines(without_times: Dashboard) -> None:
    text = httpx.get(f"{without_times.url}/vms/1/report", timeout=PATIENCE_S).text
    found = re.search(r'id="report-data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    figures = json.loads(found[1])
    timeline = figures["overview-timeline"]
    assert (timeline["time"], timeline["per"]) == ("line of the log", "per 1000 lines")
    assert figures["overview-map"]["time"] == "line of the log"
    assert figures["overview-map"]["to"] == pytest.approx(2 * CALLS + 3, abs=2)
    asked = zip(timeline["to_shared"], timeline["width"], strict=True)
    assert sum(-rate * width / 1000 for rate, width in asked) == pytest.approx(CALLS, rel=1e-3)


def test_no_storm_is_found_where_nothing_tells_of_rates(without_times: Dashboard) -> None:
    found = httpx.get(f"{without_times.url}/api/v1/vms/1/storms", timeout=PATIENCE_S).json()
    assert (found["storms"], found["measured"], found["has_times"]) == ([], [], False)
    text = httpx.get(f"{without_times.url}/vms/1/storms", timeout=PATIENCE_S).text
    assert "no storm can be found" in text


def test_explorer_counts_lines(open_page: OpenPage, without_times: Dashboard) -> None:
    page = open_page(f"{without_times.url}/vms/1")
    wait_until_drawn(page)
    expect(
        page.get_by_text(f"ends at line {2 * CALLS + 2:,}".replace(",", "\u2009"))
    ).to_be_visible()
    assert not re.search(r"t\+\d", page.locator("main").inner_text())
