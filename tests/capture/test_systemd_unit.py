"""The systemd unit: its commands are ones of ours, it is hardened, and its rights are enough."""

import json
import shlex
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
import typer.main

from app.cli import app
from tests.live.collecting import PATIENCE_S, need_bpftrace, need_kvm, need_tracefs

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "contrib" / "systemd" / "gmemscope-collect.service"
PROGRAM = "/usr/local/bin/gmemscope"


def settings() -> dict[str, list[str]]:
    """All values of [Service], by name; names may come several times (systemd.syntax(7))."""
    section, found = "", defaultdict[str, list[str]](list)
    for line in UNIT.read_text().splitlines():
        if line.startswith("["):
            section = line
        elif line and not line.startswith("#") and section == "[Service]":
            name, _, value = line.partition("=")
            found[name].append(value)
    return found


COMMANDS = [
    value.removeprefix("-")
    for name, values in settings().items()
    for value in values
    if name.startswith("Exec")
]


@pytest.mark.parametrize("command", COMMANDS)
def test_command_is_one_that_ours_accepts(command: str) -> None:
    program, name, *arguments = shlex.split(command)
    assert program == PROGRAM
    group = typer.main.get_command(app)
    group.commands[name].make_context(name, arguments)  # type: ignore[attr-defined]


def test_unknown_option_would_be_noticed() -> None:
    group = typer.main.get_command(app)
    with pytest.raises(Exception, match="No such option"):
        group.commands["collect"].make_context("collect", ["--no-such"])  # type: ignore[attr-defined]


def test_it_collects_into_its_own_folder() -> None:
    (command,) = settings()["ExecStart"]
    assert "${STATE_DIRECTORY}/gmemscope.db" in command
    assert settings()["StateDirectory"] == ["gmemscope"]


def test_it_is_hardened() -> None:
    service = settings()
    for name, value in {
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "PrivateNetwork": "yes",
        "RestrictAddressFamilies": "AF_UNIX",
        "DevicePolicy": "closed",
        "ProtectKernelModules": "yes",
        "RestrictNamespaces": "yes",
        "SystemCallArchitectures": "native",
    }.items():
        assert service[name] == [value], name
    assert service["SystemCallFilter"][0].startswith("@system-service")
    assert service["MemoryMax"]
    assert "MemoryDenyWriteExecute" not in service, "hot loops are compiled at run time"


def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return  # not every machine has systemd: the tests above hold without
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(PROGRAM, "/bin/true"))
    verified = subprocess.run([analyze, "verify", str(unit)], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")
    secured = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=30", str(unit)],
        capture_output=True,
        text=True,
    )
    assert secured.returncode == 0, secured.stdout[-200:]


@pytest.mark.parametrize("source", ["tracefs", "bpftrace"])
def test_rights_of_the_unit_are_enough(tmp_path: Path, source: str) -> None:
    need_kvm()
    need_tracefs()
    if source == "bpftrace":
        need_bpftrace()
    names = " ".join(settings()["CapabilityBoundingSet"]).split()
    bounds = ",".join(f"+{name.removeprefix('CAP_').lower()}" for name in names)
    command = ["setpriv", f"--bounding-set=-all,{bounds}", "--no-new-privs"]
    command += [sys.executable, "-m", "app.cli", "collect", "--source", source, "--json"]
    command += ["--duration", "1", "--database", str(tmp_path / "live.db")]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=2 * PATIENCE_S)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["state"] == "complete"
