"""`gmemscope doctor`: the host in plain words and as JSON; status 3 where nothing is recorded."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from collector.capture import doctor
from collector.capture.choice import Choice
from collector.capture.doctor._finding import has, lacks, unknown
from collector.capture.host_facts import gather

ROOT = Path(__file__).parents[2]
GOOD = (
    has("kernel", "6.12"),
    lacks("kprobes", "the kernel was built without CONFIG_KPROBE_EVENTS", "no stand-in"),
    unknown("events", "only root may look"),
)


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 -- a function with defaults
    """Let the command find this."""

    def examine(*findings: Any, left: tuple[str, ...] = (), choice: Choice | None = None) -> None:  # noqa: ANN401
        refused: dict[str, tuple[str, ...]] = {}
        if choice is None:
            refused = {"tracefs": ("CAP_DAC_OVERRIDE",), "bpftrace": ("CAP_BPF",)}
        result = doctor.Examination(gather(), findings, choice, refused)
        monkeypatch.setattr(doctor, "examine", lambda: result)
        monkeypatch.setattr(doctor, "what_is_left", lambda: list(left))

    return examine


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[object, str, str]:
    """(status, output, errors)."""
    monkeypatch.setattr(sys, "argv", ["gmemscope", "doctor", *arguments])
    status: object = 0
    try:
        main()
    except SystemExit as ended:
        status = ended.code
    captured = capsys.readouterr()
    return status or 0, captured.out, captured.err


def test_prints_what_is_missing_and_what_it_costs(
    examined: Any,  # noqa: ANN401
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    examined(*GOOD, choice=Choice("tracefs", "it has event probes"))
    status, output, _ = run(monkeypatch, capsys)
    assert status == 0
    assert output.splitlines()[:4] == [
        "+ kernel: 6.12",
        "- kprobes: the kernel was built without CONFIG_KPROBE_EVENTS",
        "    costs: no stand-in",
        "? events: only root may look",
    ]
    assert "collect takes tracefs: it has event probes" in output


def test_host_that_cannot_is_status_3_and_prints_why(
    examined: Any,  # noqa: ANN401
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    examined(lacks("KVM", "the kernel has no module kvm", "no VMs", prevents=True))
    status, output, errors = run(monkeypatch, capsys, "--json")
    assert status == 3
    assert "nothing can be recorded on this host: the kernel has no module kvm" in errors
    assert json.loads(output)["can_collect"] is False


def test_process_without_rights_gets_them_named(
    examined: Any,  # noqa: ANN401
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    examined(*GOOD)
    status, output, _ = run(monkeypatch, capsys)
    assert status == 0, "root could"
    assert "this process may not record by bpftrace: it lacks CAP_BPF" in output


def test_clean_prints_what_it_removed(
    examined: Any,  # noqa: ANN401
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    examined(*GOOD, left=("event probe a/b of process 7, which is gone",))
    output = run(monkeypatch, capsys)[1]
    assert "left behind: event probe a/b of process 7, which is gone" in output
    assert "gmemscope doctor --clean removes" in output
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(doctor, "clean", lambda: (["tracing instance x"], ["probe y: busy"]))
    output = run(monkeypatch, capsys, "--clean")[1]
    assert "removed: tracing instance x" in output
    assert "could not be removed: probe y: busy" in output


def test_this_machine_is_examined_without_root() -> None:
    """For real: what may not be read is unknown, not missing."""
    command = [sys.executable, "-m", "app.cli", "doctor", "--json"]
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    if not can_run(command):
        pytest.skip("hardware: another user may not run this Python")
    compiled = Path(tempfile.mkdtemp(prefix="compiled-"))
    compiled.chmod(0o777)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(compiled)}
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    shutil.rmtree(compiled)
    assert ran.returncode in (0, 3), ran.stderr
    examined = json.loads(ran.stdout)
    assert examined["host"]["kernel"]["release"] == os.uname().release
    assert examined["source"] is None
    assert set(examined["refused"]) == {"tracefs", "bpftrace"}
    assert examined["removed"] == []
    status = {finding["subject"]: finding["status"] for finding in examined["findings"]}
    if "/sys/kernel/tracing" in examined["host"]["forbidden"]:
        assert status["events"] == "unknown"


def can_run(command: list[str]) -> bool:
    interpreter = command[: command.index("-m")]
    probe = [*interpreter, "-c", "import app.cli, numpy"]
    return subprocess.run(probe, cwd=ROOT, capture_output=True).returncode == 0


def test_clean_needs_root(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    status, _, errors = run(monkeypatch, capsys, "--clean")
    assert (status, errors) == (
        3,
        "gmemscope: removing what was left behind needs root: use sudo\n",
    )
