"""From a memslot call on this host's KVM to the page that shows it: how long.

    sudo python -m benchmarks.event_to_pixel [--source auto|tracefs|bpftrace] [--calls N]

A collector records, a server serves, Chromium has the first page and then the explorer open. This
process is the VMM: no guest runs. A time begins before the call and ends in the frame in which the
VM's row is on the first page, the memslot's bar below the map, and the map has its addresses.
"""

import argparse
import fcntl
import mmap
import os
import random
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright

from benchmarks.explorer import CHROMIUM_ARGUMENTS, DRAWN
from benchmarks.measure import print_table
from benchmarks.served import GMEMSCOPE, served
from collector.kvm.uapi import KVM_CREATE_VM, KVM_SET_USER_MEMORY_REGION

MIB = 1 << 20
SETTLE_S = 3.0

WATCH = """() => {
  window.shown = {};
  const look = () => {
    const now = performance.timeOrigin + performance.now();
    const rows = document.querySelectorAll("#hosts tbody tr").length;
    const slots = document.querySelectorAll(".memslot-row").length;
    const size = document.getElementById("cell-size")?.textContent.split(" ") ?? [];
    const cell = Number(size[3]) * 1024 ** ["B", "KiB", "MiB", "GiB"].indexOf(size[4]);
    for (const [what, value] of [["row", rows], ["slot", slots], ["cell", cell]]) {
      const seen = (window.shown[what] ??= { value: value || 0, times: [] });
      if (value > seen.value) seen.times.push(now);
      seen.value = Math.max(seen.value, value || 0);
    }
    requestAnimationFrame(look);
  };
  look();
}"""


class Vmm:
    """Makes VMs, and gives them memslots of doubling size, the next above the last."""

    def __init__(self) -> None:
        self._kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
        self._memory = mmap.mmap(-1, MIB)
        self._vm = -1
        self._slots = 0
        self._end = 0

    def create_vm(self) -> None:
        self._vm = fcntl.ioctl(self._kvm, KVM_CREATE_VM, 0)
        self._slots = self._end = 0

    def add_memslot(self) -> None:
        size = max(MIB, self._end)
        # Nobody runs in this VM: that more is mapped than there is does not matter.
        region = struct.pack("<IIQQQ", self._slots, 0, self._end, size, 1 << 32)
        fcntl.ioctl(self._vm, KVM_SET_USER_MEMORY_REGION, region)
        self._slots += 1
        self._end += size

    def close(self) -> None:
        os.close(self._kvm)


@contextmanager
def collecting(database: Path, source: str) -> Iterator[None]:
    command = [str(GMEMSCOPE), "collect", "--source", source, "--database", str(database)]
    command += ["--pid", str(os.getpid())]
    collector = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert collector.stderr is not None
    for line in collector.stderr:
        sys.stderr.write(line)
        if "has begun" in line:
            break
    else:
        raise RuntimeError("the collector did not start")
    try:
        yield
    finally:
        collector.terminate()
        collector.wait()


def times_to_show(page: Page, calls: int, act: Callable[[], None], what: list[str]) -> list[float]:
    """Milliseconds from each call until all of `what` changed."""
    page.evaluate(WATCH)
    page.wait_for_timeout(SETTLE_S * 1000)
    times = []
    for done in range(1, calls + 1):
        page.wait_for_timeout(random.uniform(300, 1300))
        begin = time.time() * 1000
        act()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            shown = page.evaluate("window.shown")
            if all(len(shown[one]["times"]) >= done for one in what):
                break
            page.wait_for_timeout(100)
        else:
            raise RuntimeError(f"call {done} never showed: {shown}")
        times.append(max(shown[one]["times"][done - 1] for one in what) - begin)
    return times


def measure(source: str, calls: int) -> dict[str, list[float]]:
    with (
        TemporaryDirectory(prefix="gmemscope-bench-") as name,
        closing(Vmm()) as vmm,
        collecting(Path(name) / "live.db", source),
        served(Path(name) / "live.db") as server,
        sync_playwright() as playwright,
    ):
        executable = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(server.address)
        rows = times_to_show(page, 3, vmm.create_vm, ["row"])
        vmm.add_memslot()
        page.goto(f"{server.address}/vms/3")
        page.wait_for_selector(DRAWN)
        slots = times_to_show(page, calls, vmm.add_memslot, ["slot", "cell"])
        browser.close()
    return {"VM to its row": rows, "memslot to bar and map": slots}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--source", default="auto")
    parser.add_argument("--calls", type=int, default=12)
    arguments = parser.parse_args()
    print_table(
        ["", "median", "worst"],
        [
            [name, f"{median(times):.0f} ms", f"{max(times):.0f} ms"]
            for name, times in measure(arguments.source, arguments.calls).items()
        ],
    )


if __name__ == "__main__":
    main()
