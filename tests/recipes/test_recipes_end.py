"""Recipes as people run them: in a terminal, by dash, ended by Ctrl-C or otherwise.

The kernel and the recorder are stand-ins, so that any machine can run this: what was written to
dynamic_events is carried out afterwards as a kernel would, which refuses what is there already.
"""

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from collector.kvm.catalogue import EVENT_PROBES
from collector.recipes import _perf as perf, _trace_cmd as trace_cmd

PATIENCE_S = 180
HEARS_SIGNALS = ("env", "--default-signal=HUP,INT,TERM")
"""Whatever these tests were started by ignores (`nohup`, `&`): a shell cannot trap it."""
CTRL_C = b"\x03"
_EVENT = re.compile(r"^want (\S+)", re.MULTILINE)
FAKE = """\
#!{python}
# Stands for trace-cmd or perf: records until SIGINT, and writes its file at the end.
import os, pathlib, signal, sys
folder = pathlib.Path("{folder}")
if sys.argv[1] == "script":
    sys.exit(print("text"))
def stop(*_):
    (folder / "out").write_text("data")
    (folder / "stopped").touch()
    sys.exit()
signal.signal(signal.SIGINT, stop)
(folder / "recorder").write_text(str(os.getpid()))
(folder / "events/sched/sched_process_exit/enable").write_text("1")
(folder / "recording").touch()
while True:
    signal.pause()
"""


@dataclass(frozen=True)
class Kernel:
    """What stands for tracefs, and the programs on the PATH."""

    folder: Path

    def script(self, text: str) -> Path:
        for event in _EVENT.findall(text):
            (self.folder / "events" / event).mkdir(parents=True, exist_ok=True)
        path = self.folder / "record.sh"
        path.write_text(text)
        return path

    def probes(self) -> tuple[list[str], list[str]]:
        """The event probes that are left, and what the kernel refused."""
        left: list[str] = []
        refused: list[str] = []
        for line in (self.folder / "dynamic_events").read_text().splitlines():
            name = line.split()[0].partition(":")[2]
            if line.startswith("e:") and name not in left:
                left.append(name)
            elif line.startswith("e:"):
                refused.append(line)
            elif name in left:
                left.remove(name)
        return left, refused

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    if shutil.which("dash") is None or shutil.which("setsid") is None:
        pytest.skip("dash or setsid is not installed")
    (tmp_path / "bin").mkdir()
    (tmp_path / "events").mkdir()
    (tmp_path / "dynamic_events").touch()
    for name in ("trace-cmd", "perf"):
        fake = tmp_path / "bin" / name
        fake.write_text(FAKE.format(folder=tmp_path, python=sys.executable))
        fake.chmod(0o755)
    return Kernel(tmp_path)


class Terminal:
    """A script by dash, the leader of a session whose terminal this is."""

    def __init__(self, kernel: Kernel, text: str, *command: str) -> None:
        self._master, slave = pty.openpty()
        environment = {
            "PATH": f"{kernel.folder / 'bin'}:{os.environ['PATH']}",
            "TRACEFS": str(kernel.folder),
            "OUTPUT": str(kernel.folder / "out"),
        }
        self.process = subprocess.Popen(
            [*HEARS_SIGNALS, "setsid", "--ctty", "dash", str(kernel.script(text)), *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
        )
        os.close(slave)

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def close(self) -> str:
        """The terminal goes away; returns what it showed."""
        os.set_blocking(self._master, False)
        shown = b""
        try:
            while part := os.read(self._master, 1 << 16):
                shown += part
        except OSError:
            pass
        os.close(self._master)
        return shown.decode()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


@pytest.fixture(params=["trace-cmd", "perf"])
def text(request: pytest.FixtureRequest) -> str:
    return {"trace-cmd": trace_cmd.SCRIPT, "perf": perf.SCRIPT}[request.param]


@pytest.fixture
def recording(kernel: Kernel, text: str) -> Iterator[Terminal]:
    terminal = Terminal(kernel, text)
    until(lambda: kernel.has("recording"))
    yield terminal
    if terminal.process.poll() is None:
        terminal.process.kill()
        terminal.process.wait()


def assert_all_was_done(kernel: Kernel, text: str, shown: str) -> None:
    assert kernel.has("stopped")
    assert kernel.probes() == ([], [])
    assert (kernel.folder / "out").read_text().strip()
    assert not list(kernel.folder.glob("*.data"))
    assert "refused" not in shown
    if text is trace_cmd.SCRIPT:
        sections = (kernel.folder / "out.processes").read_text().count("# gmemscope processes v1")
        assert sections == 2


def test_ctrl_c_ends_it_and_leaves_nothing(kernel: Kernel, text: str, recording: Terminal) -> None:
    recording.type(CTRL_C)
    assert recording.process.wait(PATIENCE_S) == 0
    assert_all_was_done(kernel, text, recording.close())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_script_alone_does_too(
    kernel: Kernel, text: str, recording: Terminal, number: signal.Signals
) -> None:
    recording.process.send_signal(number)
    assert recording.process.wait(PATIENCE_S) == 0
    assert_all_was_done(kernel, text, recording.close())


def test_a_terminal_that_goes_away_does_too(kernel: Kernel, text: str, recording: Terminal) -> None:
    recording.close()
    assert recording.process.wait(PATIENCE_S) == 0
    assert_all_was_done(kernel, text, "")


def test_after_a_kill_the_next_run_finds_nothing_strange(kernel: Kernel) -> None:
    for _ in range(2):
        (kernel.folder / "recording").unlink(missing_ok=True)
        terminal = Terminal(kernel, trace_cmd.SCRIPT)
        until(lambda: kernel.has("recording"))
        recorder = int((kernel.folder / "recorder").read_text())
        if not kernel.has("killed"):
            (kernel.folder / "killed").touch()
            terminal.process.kill()
            os.kill(recorder, signal.SIGKILL)
            terminal.process.wait(PATIENCE_S)
            assert len(kernel.probes()[0]) == len(EVENT_PROBES)
            terminal.close()
    terminal.type(CTRL_C)
    assert terminal.process.wait(PATIENCE_S) == 0
    assert_all_was_done(kernel, trace_cmd.SCRIPT, terminal.close())
