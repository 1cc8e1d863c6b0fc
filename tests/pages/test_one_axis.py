"""An instant has one place on all parts of the explorer, also while answers are awaited."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.browsing import (
    PATIENCE_S,
    Complaints,
    Dashboard,
    dashboard_over,
    eventually,
    query_of,
    settled,
    simulate,
    take_requests,
    wait_until_drawn,
)
from tests.cutting_proxy import link_to

Explorer = Callable[..., Page]
OpenPage = Callable[..., Page]

NARROW = {"width": 390, "height": 844}

AXES = """storms => {
  const range = (id) => document.getElementById(id).layout.xaxis.range;
  const [from, to] = range("map");
  const timeOf = (mark) => from + (parseFloat(mark.style.left) / 100) * (to - from);
  const bands = [...document.querySelectorAll("#timeline-overlay .storm")].map(timeOf);
  const starts = storms.map((each) => each.from).filter((t) => t >= from && t <= to);
  const marks = [...document.querySelectorAll(".mark-cursor")].filter((mark) => !mark.hidden);
  const t = Number(new URLSearchParams(location.search).get("t"));
  const near = (a, b) => Math.abs(a - b) < (to - from) / 1000;
  const slider = document.getElementById("scrubber");
  const faults = [];
  if (String(range("timeline")) !== `${from},${to}`) faults.push(`timeline ${range("timeline")}`);
  if (!starts.every((start) => bands.some((band) => near(start, band)))) faults.push("storms");
  if (!marks.every((mark) => near(timeOf(mark), t))) faults.push("cursor");
  const slid = from + (slider.value / slider.max) * (to - from);
  if (marks.length && Math.abs(slid - t) > (to - from) / 200) faults.push("scrubber");
  return faults.map((fault) => `${fault} while the map is at ${from},${to}`);
}"""
"""What stands elsewhere than the map says. Of storms, those whose beginning is in view."""

WATCH = f"""storms => {{
  const faultsNow = {AXES};
  window.faults = [];
  const look = () => {{
    window.faults.push(...faultsNow(storms));
    requestAnimationFrame(look);
  }};
  requestAnimationFrame(look);
}}"""
"""Look at every frame."""

DATA_ENDS = """() => {
  const map = document.getElementById("map").layout;
  const timeline = document.getElementById("timeline");
  return [
    map.xaxis.range[1],
    map.images.length ? map.images[0].x + map.images[0].sizex : map.xaxis.range[1],
    timeline.layout.xaxis.range[1],
    timeline.data[0].x.at(-1),
  ];
}"""
"""Where the axis and the data of the map end, and those of the timeline."""

WHOLE = """[
    [...document.querySelectorAll('#map .xtick text')].map(each => each.textContent),
    [...document.querySelectorAll('#map image')].map(each => each.getAttribute('href')),
    document.querySelector('#timeline .scatterlayer').innerHTML,
    document.querySelector('#timeline-overlay .storms').innerHTML,
    document.querySelector('#memslots').innerHTML,
    document.querySelector('#strip-caption').textContent,
    document.querySelector('#totals').textContent,
    document.querySelector('#cell-size').textContent,
    document.querySelector('#timeline-counted').textContent,
    document.querySelector('input[name=measure]:checked').value,
]"""
"""What is drawn, part by part."""


@pytest.fixture
def storms(dashboard: Dashboard) -> Any:  # noqa: ANN401 -- the answer's own JSON
    # Who asks first waits until the loops are compiled.
    answer = httpx.get(f"{dashboard.url}/api/v1/vms/1/storms", timeout=PATIENCE_S)
    return answer.json()["storms"]


class Held:
    """Answers that do not come until they are let go."""

    def __init__(self, page: Page, pattern: str) -> None:
        self._routes: list[Route] = []
        self._is_over = False
        take_requests(page, pattern, self._take)

    def _take(self, route: Route) -> None:
        if self._is_over:
            route.continue_()
        else:
            self._routes.append(route)

    @property
    def is_waiting(self) -> bool:
        return bool(self._routes)

    def let_go(self) -> None:
        self._is_over = True
        for route in self._routes:
            route.continue_()


@pytest.mark.parametrize("late", ["timeline", "raster", "events"])
def test_no_frame_of_zooms_and_pans_has_two_axes(
    explorer: Explorer, storms: list[dict[str, int]], late: str
) -> None:
    page = explorer(f"?from=1000000000&to=55000000000&t={storms[1]['from']}")
    eventually(page, lambda: page.locator("#timeline-overlay .storm").count() > 0)
    page.evaluate(WATCH, storms)
    held = Held(page, f"**/{late}?*")
    page.keyboard.press("w")
    eventually(page, lambda: held.is_waiting)
    page.wait_for_timeout(300)
    for key in "wwdsd":
        page.keyboard.press(key)
    page.locator("#map-overlay").hover()
    for _ in range(5):
        page.mouse.wheel(0, -100)
    page.wait_for_timeout(300)
    held.let_go()
    wait_until_drawn(page)
    assert page.evaluate("window.faults") == []
    assert page.evaluate(DATA_ENDS) == [int(query_of(page)["to"])] * 4


def test_what_is_new_is_drawn_in_one_step(explorer: Explorer) -> None:
    page = explorer("?from=20000000000&to=30000000000")
    before = page.evaluate(DATA_ENDS)
    counted = page.locator("#timeline-counted")
    held = Held(page, "**/timeline?*")
    page.keyboard.press("W")
    page.keyboard.press("d")
    eventually(page, lambda: held.is_waiting)
    expect(page.locator(".loading")).to_be_visible()
    eventually(page, lambda: page.evaluate(DATA_ENDS)[0] == 32_000_000_000)  # to what is wanted
    _, picture, _, line = page.evaluate(DATA_ENDS)
    assert [picture, line] == [before[1], before[3]], "the old answers, both"
    expect(counted).to_have_text("")
    held.let_go()
    wait_until_drawn(page)
    assert page.evaluate(DATA_ENDS) == [32_000_000_000] * 4
    expect(counted).to_contain_text("counted: at the shown addresses")


@pytest.fixture
def live_url(tmp_path: Any) -> Iterator[str]:  # noqa: ANN401 -- pytest's own
    database = tmp_path / "live.db"
    with dashboard_over(database) as dashboard:
        simulator = simulate(database, "--live", "--speed", "4")
        try:
            yield dashboard.url
        finally:
            simulator.kill()
            simulator.wait()


def open_vm(open_page: OpenPage, url: str) -> Page:
    page = open_page(url)
    page.get_by_role("link", name="demo-cvm").click()
    wait_until_drawn(page)
    return page


def test_while_following_all_parts_end_together(live_url: str, open_page: OpenPage) -> None:
    page = open_vm(open_page, live_url)
    page.evaluate(
        f"""() => {{
          window.ends = [];
          const ends = {DATA_ENDS};
          const look = () => {{
            const now = String(ends());
            if (window.ends.at(-1) !== now) window.ends.push(now);
            requestAnimationFrame(look);
          }};
          look();
        }}"""
    )
    eventually(page, lambda: page.evaluate("window.ends.length") > 8)
    ends = [row.split(",") for row in page.evaluate("window.ends")]
    assert [row for row in ends if len(set(row)) > 1] == []


def test_while_following_one_late_answer_holds_back_all(live_url: str, open_page: OpenPage) -> None:
    page = open_vm(open_page, live_url)
    held = Held(page, "**/timeline?from=*buckets=1*")
    eventually(page, lambda: held.is_waiting)
    page.wait_for_timeout(300)
    before = page.evaluate(DATA_ENDS)
    drawn = page.evaluate(WHOLE)
    page.wait_for_timeout(1000)
    assert page.evaluate(WHOLE) == drawn, "the strip's totals have not come"
    held.let_go()
    eventually(page, lambda: page.evaluate(DATA_ENDS)[0] > before[0])
    eventually(page, lambda: len(set(page.evaluate(DATA_ENDS))) == 1)


def test_without_a_server_the_old_view_stays_whole(
    dashboard: Dashboard, open_page: OpenPage, complaints: Complaints
) -> None:
    with link_to(dashboard.url) as link:
        page = open_page(f"{link.url}/vms/1?from=20000000000&to=30000000000")
        wait_until_drawn(page)
        eventually(page, lambda: page.locator("#timeline-overlay .storm").count() > 0)
        drawn = page.evaluate(WHOLE)
        link.cut()
        alert = page.get_by_role("alert")
        for key in "dmW":
            page.keyboard.press(key)
        expect(alert).to_contain_text("The server does not answer. What is shown was read at")
        expect(alert).to_contain_text("What you chose since then is shown when it answers.")
        eventually(page, lambda: page.evaluate(WHOLE) == drawn)
        page.keyboard.press("w")
        page.wait_for_timeout(300)
        assert page.evaluate(WHOLE) == drawn

        link.mend()
        expect(alert).to_be_hidden()
        eventually(page, lambda: page.evaluate(DATA_ENDS) == [int(query_of(page)["to"])] * 4)
        assert query_of(page)["measure"] == "conversions"
        expect(page.locator("#timeline-counted")).to_contain_text("at the shown addresses")
        page.close()
    complaints.clear()


def brush(page: Page, selector: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    box = page.locator(selector).bounding_box()
    assert box is not None
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*at[0])
    page.keyboard.down("Shift")
    page.mouse.down()
    page.mouse.move(*at[1], steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")


def test_a_rectangle_chooses_although_a_cursor_was_kept(explorer: Explorer) -> None:
    page = explorer("?t=25000000000&gpa=0x110000000")
    expect(page.locator("#events-caption")).to_contain_text("under the cursor")
    with page.expect_response(re.compile(r"/events\?from=")) as answer:
        settled(page, lambda: brush(page, "#map-overlay", (0.6, 0.1), (0.8, 0.4)))
    shown = query_of(page)
    assert set(shown) == {"from", "to", "gpa_from", "gpa_to"}
    expect(page.locator("#events-caption")).to_contain_text("in view")
    for event in page.request.get(answer.value.url).json()["items"]:
        assert int(shown["from"]) <= event["t_effect"] < int(shown["to"])
        gpa = int(event["gpa"], 16)
        assert gpa < int(shown["gpa_to"], 16)
        assert gpa + event["npages"] * 4096 > int(shown["gpa_from"], 16)
    settled(page, page.go_back)
    assert query_of(page) == {"t": "25000000000", "gpa": "0x110000000"}


def test_a_time_on_the_timeline_chooses_although_a_cursor_was_kept(explorer: Explorer) -> None:
    page = explorer("?t=25000000000&gpa=0x110000000")
    box = page.locator("#timeline-overlay").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 20, steps=4)
    settled(page, page.mouse.up)
    assert set(query_of(page)) == {"from", "to"}
    expect(page.locator("#events-caption")).to_contain_text("in view")


@pytest.mark.parametrize("cursor", ["t=5000000000", "t=25000000000&gpa=0x480000000"])
def test_a_cursor_that_is_out_of_sight_chooses_nothing(explorer: Explorer, cursor: str) -> None:
    window = "from=20000000000&to=30000000000&gpa_from=0x100000000&gpa_to=0x140000000"
    page = explorer(f"?{window}&{cursor}")
    expect(page.locator("#events-caption")).to_contain_text("in view")


def test_the_readout_is_of_what_is_under_the_pointer_now(explorer: Explorer) -> None:
    page = explorer("?from=20000000000&to=30000000000")
    box = page.locator("#timeline-overlay").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    readout = page.locator("#timeline-readout")
    expect(readout).to_contain_text(re.compile(r"^t\+2[45]\."))
    settled(page, lambda: page.keyboard.press("d"))
    expect(readout).to_contain_text(re.compile(r"^t\+2[67]\."))
    page.mouse.move(0, 0)
    expect(readout).to_have_text("")


@pytest.mark.parametrize("size", [None, NARROW])
def test_the_readout_never_lies_over_what_is_counted(
    explorer: Explorer, size: dict[str, int] | None
) -> None:
    options = {"viewport": size} if size else {}
    filters = "&direction=private&outcome=applied&vcpu=1&vcpu=3"
    page = explorer(f"?gpa_from=0x100000000&gpa_to=0x140000000{filters}", **options)
    page.locator("#timeline-overlay").hover()
    readout, counted = page.locator("#timeline-readout"), page.locator("#timeline-counted")
    expect(readout).not_to_have_text("")
    over, under = readout.bounding_box(), counted.bounding_box()
    assert over is not None
    assert under is not None
    assert over["y"] + over["height"] <= under["y"] or under["y"] + under["height"] <= over["y"]
