"""`gmemscope demo` as a process of its own: dashboard and simulator begin and end together."""

import json
import lzma
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

PATIENCE_S = 60
RECORDING = Path(__file__).parents[1] / "recordings/convwork/lean.dat.xz"


class Demo:
    """A running demo in its own data folder."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process = process
        self.folder = folder
        assert process.stdout is not None
        self.url = process.stdout.readline().split()[-1]

    def wait_for_conversions(self) -> dict[str, object]:
        """The guest, once it has converted something."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            items = httpx.get(f"{self.url}/api/v1/vms").json()["items"]
            if items and items[0]["conversions"]["requested"]:
                found: dict[str, object] = items[0]
                return found
            time.sleep(0.1)
        raise AssertionError("the simulated guest never converted a page")

    def children(self) -> list[int]:
        tasks = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in tasks.read_text().split()]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
    environment.pop("GMEMSCOPE_DATABASE_URL", None)
    with subprocess.Popen(
        [sys.executable, "-m", "app.cli", "demo", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as process:
        try:
            yield Demo(process, tmp_path / "gmemscope")
        finally:
            if process.poll() is None:
                process.kill()


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_live_guest_is_shown_and_ends_with_the_dashboard(demo: Demo, end: signal.Signals) -> None:
    guest = demo.wait_for_conversions()
    recording = httpx.get(f"{demo.url}/api/v1/recordings/{guest['recording']}").json()
    (simulator,) = demo.children()

    assert (recording["source"], recording["is_live"]) == ("simulator", True)
    assert [path.suffix for path in demo.folder.glob("demo-*.db")] == [".db"]

    demo.process.send_signal(end)
    demo.process.wait(PATIENCE_S)
    deadline = time.monotonic() + PATIENCE_S
    while is_alive(simulator) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(simulator)
    assert demo.process.returncode == (-end if end is signal.SIGKILL else 0)


def test_a_recording_is_imported_beside_a_running_demo(demo: Demo, tmp_path: Path) -> None:
    """Each has its own database; the imported recording outlives the demo."""
    demo.wait_for_conversions()
    (tmp_path / "trace.dat").write_bytes(lzma.decompress(RECORDING.read_bytes()))
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
    environment.pop("GMEMSCOPE_DATABASE_URL", None)

    imported = subprocess.run(
        [sys.executable, "-m", "app.cli", "import", "--json", tmp_path / "trace.dat"],
        capture_output=True,
        text=True,
        env=environment,
    )

    assert (imported.returncode, imported.stderr) == (0, "")
    assert json.loads(imported.stdout)["state"] == "complete"
    sources = [one["source"] for one in httpx.get(f"{demo.url}/api/v1/recordings").json()["items"]]
    assert sources == ["simulator"]
    assert (demo.folder / "gmemscope.db").is_file()
