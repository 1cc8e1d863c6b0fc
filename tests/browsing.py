"""A dashboard that really listens, and how tests in a browser look at its pages."""

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, Response, Route

from app.main import create_app
from app.serving import bind, url_of
from app.serving._server import server_of
from app.settings import Settings
from tests.forking import Forked

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--process-per-site",
]


CHROMIUMS = ("chromium-headless-shell", "chromium")
"""The first is the same without its windows, and needs a fifth less of the machine."""

PATIENCE_S = 60.0
"""Until what a page is to show counts as not coming: no machine is as slow as that."""

OPENED: list[Page] = []
"""The pages of the test that runs."""


def launch_chromium(playwright: Playwright) -> Browser:
    executable = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if executable is None:
        pytest.skip("chromium is not installed")
    return playwright.chromium.launch(executable_path=executable, args=CHROMIUM_ARGUMENTS)


class Dashboard:
    """A dashboard that really listens."""

    def __init__(self, url: str, stop: Callable[[], None]) -> None:
        self.url = url
        self.stop = stop


@contextmanager
def dashboard_over(database: Path, settings: Settings | None = None) -> Iterator[Dashboard]:
    with bind("127.0.0.1", 0) as listener:
        server = server_of(create_app(settings or Settings(database_url=str(database))))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)

        def stop() -> None:
            server.should_exit = True
            thread.join()

        dashboard = Dashboard(url_of(listener), stop)
        try:
            yield dashboard
        finally:
            leave(dashboard.url)
            stop()


def leave(url: str) -> None:
    """Leave the pages of a server that ends: they would complain that it does not answer."""
    for page in OPENED:
        if not page.is_closed() and page.url.startswith(url):
            page.goto("about:blank")


def simulate(database: Path, *arguments: str) -> Forked:
    return Forked(["simulate", "--database", database, *arguments], stdout=subprocess.DEVNULL)


class Complaints(list[str]):
    """What the browser complained about; a test that provokes a complaint clears it."""

    def hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.append(text)


def wait_until_drawn(page: Page) -> None:
    page.wait_for_selector("#explorer[data-ready=true][aria-busy=false]")


WATCH_READS = """() => {
  const root = document.getElementById("explorer");
  const reads = { done: 0 };
  const watch = new MutationObserver(() => {
    if (root.getAttribute("aria-busy") === "false") reads.done += 1;
  });
  watch.observe(root, { attributes: true, attributeFilter: ["aria-busy"] });
  return reads;
}"""
PAUSE_MS = 100
"""Longer than the page waits while the view keeps changing."""


def settled(page: Page, act: Callable[[], object]) -> None:
    """Do something that changes the view, and wait until what it asks for is drawn."""
    reads = page.evaluate_handle(WATCH_READS)
    act()
    eventually(page, lambda: bool(reads.evaluate("reads => reads.done")))
    page.wait_for_timeout(PAUSE_MS)
    wait_until_drawn(page)


def take_requests(page: Page, pattern: str, take: Callable[[Route], object]) -> None:
    """Let `take` have every request that the page makes from now on.

    `route` returns before the page's renderer asks by the new way: a key that is pressed at once
    may make a request that nobody holds, nor reports. What is evaluated next comes after that.
    """
    page.route(pattern, take)
    page.evaluate("0")


def is_map(response: Response) -> bool:
    return "raster.png" in response.url and response.status in (200, 304)


def query_of(page: Page) -> dict[str, str]:
    entries: dict[str, str] = page.evaluate(
        "Object.fromEntries(new URLSearchParams(window.location.search))"
    )
    return entries


def eventually(page: Page, is_so: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait for something. Playwright's own wait_for_function needs eval, which the CSP forbids."""
    deadline = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to be"
        page.wait_for_timeout(50)
