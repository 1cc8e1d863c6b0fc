"""A recording's page states what the recording can show, what it cannot, and what that costs."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from app.model.events import EVENT
from app.model.guest import Certainty, EventKind, Outcome, PageState, VmIdentity
from app.store.database import open_database
from app.store.protocol import Loss, RecordingHeader
from app.store.write import RecordingWriter
from collector.coverage import COST_OF_MISSING, Capability, describe_coverage
from tests.browsing import Dashboard, dashboard_over, wait_until_drawn

OpenPage = Callable[..., Page]


def test_simulated_recording_states_that_it_is(open_page: OpenPage, dashboard: Dashboard) -> None:
    page = open_page(f"{dashboard.url}/recordings/1")
    expect(page.get_by_text("This recording is simulated.")).to_be_visible()
    expect(page.locator(".badge.simulated")).to_be_visible()
    loss = page.get_by_role("row").filter(has_text="simulated ring buffer")
    expect(loss).to_contain_text("t+38.050\u2009000 s")


@pytest.fixture
def blind_recording(tmp_path: Path) -> Iterator[str]:
    """A recording that saw conversions without their ranges, and was cut."""
    path = tmp_path / "blind.db"
    coverage = describe_coverage(
        {Capability.CONVERSIONS: True, Capability.REQUESTED_RANGES: True},
        events={"syscalls:sys_enter_ioctl": 1234},
    )
    header = RecordingHeader("blind <b>", "trace.dat", "host", "mono", 0, coverage=coverage)
    engine = open_database(path)
    with RecordingWriter(engine, header) as writer:
        writer.add_loss(Loss(5, 9, None, None, "ring buffer"))
        writer.advance(10)
        writer.mark_incomplete("the file ends at offset 4096")
    engine.dispose()
    with dashboard_over(path) as dashboard:
        yield f"{dashboard.url}/recordings/1"


def test_blind_spots_come_with_their_cost(blind_recording: str, open_page: OpenPage) -> None:
    page = open_page(blind_recording)
    expect(page.get_by_text(COST_OF_MISSING[Capability.CONVERSION_RANGES])).to_be_visible()
    expect(page.get_by_text("the file ends at offset 4096")).to_be_visible()
    expect(page.get_by_text("An unknown number of events lost in 1 stretch")).to_be_visible()
    expect(page.get_by_text("No VM was seen in this recording.")).to_be_visible()


def test_names_are_text_not_markup(blind_recording: str) -> None:
    body = httpx.get(blind_recording).text
    assert "blind &lt;b&gt;" in body
    assert "blind <b>" not in body


def test_recording_that_states_nothing_of_its_coverage(tmp_path: Path) -> None:
    path = tmp_path / "plain.db"
    engine = open_database(path)
    with RecordingWriter(
        engine, RecordingHeader("plain", "trace.dat", "host", "mono", 0)
    ) as writer:
        writer.advance(10)
    engine.dispose()
    with dashboard_over(path) as dashboard:
        body = httpx.get(f"{dashboard.url}/recordings/1").text
    assert "The recording does not list any." in body
    assert "No lost event is on record." in body


STRAY = VmIdentity("unattributed", None, None, None, Certainty.UNKNOWN, PageState.UNKNOWN)


@pytest.fixture
def recording_with_strays(tmp_path: Path) -> Iterator[str]:
    """A recording with a VM (id 1) and two failed conversions that belong to none (id 2)."""
    path = tmp_path / "strays.db"
    events = np.zeros(2, dtype=EVENT)
    events["t"] = [10, 20]
    events["kind"], events["outcome"] = EventKind.CONVERSION, Outcome.FAILED
    events["range_certainty"], events["gfn"], events["npages"] = Certainty.SEEN, 16, 1
    engine = open_database(path)
    with RecordingWriter(
        engine, RecordingHeader("strays", "trace.dat", "host", "mono", 0)
    ) as writer:
        writer.add_vm(replace(STRAY, name="guest", pid=7, vm_fd=5))
        writer.append(writer.add_vm(replace(STRAY, is_unattributed=True)), events)
        writer.advance(100)
    engine.dispose()
    with dashboard_over(path) as dashboard:
        yield dashboard.url


def test_events_that_belong_to_no_vm_are_counted_and_linked(
    recording_with_strays: str, open_page: OpenPage
) -> None:
    page = open_page(f"{recording_with_strays}/recordings/1")
    expect(page.get_by_role("row").filter(has_text="unattributed")).to_have_count(0)
    expect(page.locator("#vms + .table-scroll tbody tr")).to_have_count(1)
    note = page.locator(".note").filter(has_text="belong to no VM that could be named")
    expect(note).to_contain_text("2 conversions requested, 2 failed")
    note.get_by_role("link", name="2 events").click()
    expect(page).to_have_url(f"{recording_with_strays}/vms/2")
    wait_until_drawn(page)
    expect(page.locator(".note")).to_contain_text("belong to no VM that could be named")
    expect(page.locator("#memslots")).to_have_text("Memslots belong to a VM.")


def test_recording_without_strays_shows_none(blind_recording: str) -> None:
    assert "belong to no VM" not in httpx.get(blind_recording).text


def test_time_is_not_broken_into_its_digits(open_page: OpenPage, dashboard: Dashboard) -> None:
    page = open_page(f"{dashboard.url}/recordings/1", viewport={"width": 390, "height": 844})
    times = page.locator("#vms + .table-scroll .time")
    assert times.count() > 0
    assert (
        times.evaluate_all("all => all.map(one => one.getClientRects().length)")
        == [1] * times.count()
    )
