"""Probes in dynamic_events, whose they are, and what a killed process left behind."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.capture import choice
from collector.capture.tracefs import _probes as tracefs_probes, left_behind, remove_left_behind
from collector.capture.tracefs._owner import Owner, start_of
from collector.capture.tracefs._probes import Probes

GONE = Owner((1 << 22) + 1, 7)


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """A kernel that refuses definitions with one of these words in them."""

    def refuse(*words: str) -> list[str]:
        written: list[str] = []

        def write(_: Path, command: str) -> None:
            written.append(command)
            if any(word in command for word in words):
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

        monkeypatch.setattr(tracefs_probes, "write", write)
        return written

    return refuse


def added(root: Path) -> Probes:
    probes = Probes(root, "group")
    probes.add()
    return probes


def test_event_probes_need_no_kprobe(tmp_path: Path, refusing: Callable[..., list[str]]) -> None:
    refusing()
    probes = added(tmp_path)
    assert {probe.kind for probe in probes.added} == {"e"}
    assert probes.notes() == ()


def test_one_refused_probe_costs_what_it_reads(
    tmp_path: Path, refusing: Callable[..., list[str]]
) -> None:
    refusing("set_region2")
    probes = added(tmp_path)
    assert len(probes.added) == 4
    (note,) = probes.notes()
    assert "event probe set_region2 (Invalid argument): memslots set by" in note


def test_kprobe_stands_in_for_event_probes(
    tmp_path: Path, refusing: Callable[..., list[str]]
) -> None:
    refusing("e:group/", "private_data")
    probes = added(tmp_path)
    assert [probe.definition("group").split(" f0=")[0] for probe in probes.added] == [
        "p:group/vm_ioctl kvm_vm_ioctl cmd=$arg2:x32"
    ]
    assert "a kprobe at kvm_vm_ioctl" in probes.notes()[0]


def test_kernel_without_either_is_told_in_its_own_words(
    tmp_path: Path, refusing: Callable[..., list[str]]
) -> None:
    refusing("group")
    definition = added(tmp_path)
    assert definition.added == []
    assert "neither event probes nor kprobes (Invalid argument)" in definition.notes()[0]
    (tmp_path / "error_log").write_text(
        "[ 1.0] event_probe: error: Attached event does not exist\n"
        "  Command: e:group/enc_region syscalls.sys_enter_ioctl\n   ^\n"
    )
    assert added(tmp_path).refused["enc_region"] == "Attached event does not exist"


def test_removing_removes_what_was_added(
    tmp_path: Path, refusing: Callable[..., list[str]]
) -> None:
    written = refusing("enc_region")
    probes = added(tmp_path)
    written.clear()
    probes.remove()
    assert written == [
        "-:group/set_attributes",
        "-:group/set_region",
        "-:group/set_region2",
        "-:group/create_guest_memfd",
    ]


def test_writing_leaves_the_probes_of_others(tmp_path: Path) -> None:
    (tmp_path / "dynamic_events").write_text("p:mine/x do_sys_open \n")
    tracefs_probes.write(tmp_path, "e:group/x a.b")
    assert (tmp_path / "dynamic_events").read_text() == "p:mine/x do_sys_open \ne:group/x a.b"


def test_owner_is_a_process_and_its_start() -> None:
    ours = Owner.ourselves()
    assert Owner.named(ours.name) == ours
    assert ours.name.isidentifier()
    assert not ours.is_gone
    assert Owner(ours.pid, ours.start + 1).is_gone  # its number was given anew
    assert GONE.is_gone
    assert start_of(GONE.pid) is None
    assert Owner.named("gmemscope") is Owner.named("gmemscope_1_2_3") is None


def fake_tracefs(root: Path) -> Path:
    for name in (GONE.name, Owner.ourselves().name, "gmemscope_1", "perf"):
        (root / "instances" / name).mkdir(parents=True)
    (root / "dynamic_events").write_text(
        f"e:{GONE.name}/set_region syscalls.sys_enter_ioctl fd=$fd:s32\n"
        f"r8:{GONE.name}/ret kvm_vm_ioctl ret=$retval:s64\n"
        f"e:{Owner.ourselves().name}/set_region syscalls.sys_enter_ioctl fd=$fd:s32\n"
        "p:kprobes/p do_sys_open\n"
    )
    return root


def test_only_what_is_a_dead_process_of_ours_is_left_behind(tmp_path: Path) -> None:
    of = f"of process {GONE.pid}, which is gone"
    assert left_behind(fake_tracefs(tmp_path)) == [
        f"tracing instance {GONE.name} {of}",
        f"event probe {GONE.name}/set_region {of}",
        f"event probe {GONE.name}/ret {of}",
    ]


def test_what_cannot_be_removed_is_known(
    tmp_path: Path, refusing: Callable[..., list[str]]
) -> None:
    written = refusing(f"-:{GONE.name}/ret")
    stays = remove_left_behind(fake_tracefs(tmp_path))
    assert stays == [
        f"event probe {GONE.name}/ret of process {GONE.pid}, which is gone: Invalid argument"
    ]
    assert written == [f"-:{GONE.name}/set_region", f"-:{GONE.name}/ret"]
    names = sorted(path.name for path in (tmp_path / "instances").iterdir())
    assert names == sorted([Owner.ourselves().name, "gmemscope_1", "perf"])


def test_nothing_is_left_where_there_is_no_tracefs(tmp_path: Path) -> None:
    assert left_behind(tmp_path / "none") == remove_left_behind(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("refused", "command", "name", "reason"),
    [
        ((), "true", "tracefs", "event probes read"),
        (("e:",), "true", "tracefs", "but a kprobe reads"),
        (("e:", "p:"), "true", "bpftrace", "bpftrace reads the structs"),
        (("e:", "p:"), "false", "tracefs", "bpftrace does not run (status 1)"),
        (("e:", "p:"), "no-such-command", "tracefs", "bpftrace is not installed"),
    ],
)
def test_choice_is_explained(
    tmp_path: Path,
    refusing: Callable[..., list[str]],
    refused: tuple[str, ...],
    command: str,
    name: str,
    reason: str,
) -> None:
    refusing(*refused)
    chosen = choice.choose(tmp_path, command)
    assert chosen.name == name
    assert reason in chosen.reason
