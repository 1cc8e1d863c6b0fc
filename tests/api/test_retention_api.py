"""What the dashboard shows of a recording whose old events have gone."""

from collections.abc import Iterator

import httpx
import pytest

from app.queries.retention import Limits
from app.settings import Settings
from app.store.database import open_database
from tests.fuzz.year import DAY_NS, FIRST_STORM, STORM_EVENTS, play
from tests.serving import serving

DAYS = 8


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    path = tmp_path_factory.mktemp("gone") / "gone.db"
    engine = open_database(path)
    for _ in play(engine, DAYS, Limits(DAY_NS, DAY_NS)):
        pass
    engine.dispose()
    with serving(Settings(database_url=str(path))) as client:
        yield client


def test_a_storm_whose_events_have_gone_is_a_row_and_says_so(dashboard: httpx.Client) -> None:
    listed = dashboard.get("/api/v1/vms/1/storms").json()
    gone, young = listed["storms"]
    assert (gone["is_kept"], gone["calls"]) == (False, STORM_EVENTS)
    assert young["is_kept"]
    assert listed["found_before_t"] > gone["to"]
    answer = dashboard.get(f"/api/v1/vms/1/storms/{gone['id']}")
    assert answer.status_code == 410
    assert "are no longer kept" in answer.json()["detail"]
    page = dashboard.get(f"/vms/1/storms/{gone['id']}")
    assert page.status_code == 200
    assert "are no longer kept" in page.text
    assert ">expired<" in dashboard.get("/vms/1/storms").text


def test_counts_come_from_cells_or_are_null(dashboard: httpx.Client) -> None:
    whole = dashboard.get("/api/v1/vms/1/timeline?buckets=40").json()
    assert sum(whole["to_private"]) + sum(whole["to_shared"]) > STORM_EVENTS * 2
    first = whole["expired"][0]
    assert first["from"] < FIRST_STORM * DAY_NS
    assert first["cell_ns"] > 0
    few = dashboard.get("/api/v1/vms/1/timeline?buckets=40&gpa_to=0x1000").json()
    assert few["to_private"][0] is None
    assert few["to_private"][-1] is not None
    assert None not in few["private"]


def test_one_event_stands_for_all_that_have_gone(dashboard: httpx.Client) -> None:
    events = dashboard.get("/api/v1/vms/1/events?limit=5").json()["items"]
    assert events[0]["kind"] == "expired"
    assert int(events[0]["aux"], 16) > 100
