"""Open the explorer in Chromium and walk through it: how long until the map is there.

    python -m benchmarks.explorer [--quick] [--database PATH --vm N]

The server holds the conversions of benchmarks.synthetic on a 1 TiB guest, or what is in the
database that is named (one that benchmarks.scale kept: its VM 2), and has answered once before; the
browser has nothing cached. A load begins with the navigation; the map is there when its picture has
come, and the page says when all of it is drawn. A step begins with the key and ends so too. The
peer is the very same page with nothing to draw: a guest of a single conversion.
"""

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.measure import print_table
from benchmarks.served import served

CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
DRAWN = "#explorer[data-ready=true][aria-busy=false]"
PICTURES = """performance.getEntriesByType("resource")
    .filter((entry) => entry.name.includes("raster.png")).map((entry) => entry.responseEnd)"""
STEPS = "wwwdaWWrfdSS0wwsWda0"  # zoom and pan, in time and address, and back


def write_guest(database: Path, events: int) -> None:
    """In a process of its own: what it compiled and cached must not help the server."""
    code = (
        "from pathlib import Path; from benchmarks.store import write; "
        "from benchmarks.synthetic import conversions; "
        f"write(Path({str(database)!r}), list(conversions({events})))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def load(browser: Browser, address: str) -> tuple[Page, float, float]:
    """Open the page in a browser that has nothing cached.

    Returns it and the milliseconds until its map is there and until all of it is drawn.
    """
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    begin = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.wait_for_selector(DRAWN)
    elapsed = 1000 * (time.perf_counter() - begin)
    return page, min(page.evaluate(PICTURES)), elapsed


def walk(page: Page) -> list[float]:
    """Milliseconds of each step."""
    times = []
    for key in STEPS:
        begin = time.perf_counter()
        with page.expect_response(lambda response: "raster.png" in response.url):
            page.keyboard.press(key)
        page.wait_for_selector(DRAWN)
        times.append(1000 * (time.perf_counter() - begin))
    return times


def measure(browser: Browser, database: Path, vm: int, loads: int) -> tuple[list[float], ...]:
    """Milliseconds until the map, until all is drawn, and of the steps."""
    mapped, opened, steps = [], [], []
    with served(database) as server:
        address = f"{server.address}/vms/{vm}"
        load(browser, address)[0].context.close()
        for _ in range(loads):
            page, until_map, until_all = load(browser, address)
            mapped.append(until_map)
            opened.append(until_all)
            steps += walk(page)
            page.context.close()
    return mapped, opened, steps


def written(folder: Path, events: int) -> Path:
    database = folder / f"{events}.db"
    write_guest(database, events)
    return database


def row(name: str, ours: Sequence[float], peer: Sequence[float]) -> list[str]:
    middle, peers = median(ours), median(peer)
    p95 = quantiles(ours, n=20)[-1]
    return [name, f"{middle:.0f} ms", f"{p95:.0f} ms", f"{peers:.0f} ms", f"{middle / peers:.2f}x"]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1 M conversions, 3 loads")
    parser.add_argument("--database", type=Path, help="a recording that is there already")
    parser.add_argument("--vm", type=int, default=1, help="the VM in it. Default: 1")
    options = parser.parse_args()
    events, loads = (1_000_000, 3) if options.quick else (10_000_000, 7)
    with TemporaryDirectory(prefix="gmemscope-bench-") as name, sync_playwright() as playwright:
        executable = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_ARGUMENTS)
        peer = measure(browser, written(Path(name), 1), 1, loads)
        database = options.database or written(Path(name), events)
        ours = measure(browser, database, options.vm, loads)
        browser.close()
    what = options.database or f"{events:,} conversions"
    print(f"\nexplorer in Chromium, {what}, {loads} loads of {len(STEPS)} steps")
    names = "load, until the map is there", "load, until all is drawn", "zoom or pan, all drawn"
    print_table(
        ["", "median", "p95", "one conversion", "ratio"],
        [row(*each) for each in zip(names, ours, peer, strict=True)],
    )


if __name__ == "__main__":
    main()
