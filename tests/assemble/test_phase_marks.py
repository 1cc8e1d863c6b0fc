"""What a guest writes to ports by which firmware and boot say how far they have come."""

from pathlib import Path
from typing import NamedTuple

import pytest

from app.model.events import EventArray
from app.model.guest import Certainty, EventKind, Outcome
from collector.kvm.catalogue import PHASE_PORTS
from tests.assemble.checks import Imports, imported

POST, DEBUG, EXIT = PHASE_PORTS
WRITTEN = "SecCoreStartup\nEnd of boot\n"
"""By the boot sector: see tests/recordings/README.md."""
RECORDINGS = ["recording.dat", "tracefs.trace.txt", "perf.script.txt", "bpf.txt"]
HEADER = "# tracer: nop\n#\n#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n"


class Mark(NamedTuple):
    port: int
    value: int
    count: int  # type: ignore[assignment]
    size: int


def marks_of(events: EventArray) -> list[Mark]:
    """As EventKind.PHASE_MARK packs them."""
    packed = [int(aux) for aux in events["aux"][events["kind"] == EventKind.PHASE_MARK]]
    return [
        Mark(aux >> 32 & 0xFFFF, aux & 0xFFFFFFFF, aux >> 48 & 0x1FFF, aux >> 61) for aux in packed
    ]


def only_vm(run: Imports) -> EventArray:
    (vm,) = run.sink.named()
    return vm.events


def lines(path: Path, *texts: str) -> Path:
    """A trace of a vCPU's thread, which creates its VM first."""
    calls = ["sys_ioctl(fd: 3, cmd: 0xae01, arg: 0)", "sys_ioctl -> 0x4"]
    calls += ["sys_ioctl(fd: 4, cmd: 0xae41, arg: 0)", "sys_ioctl -> 0x5"]
    calls += ["sys_ioctl(fd: 5, cmd: 0xae80, arg: 0)"]
    path.write_text(
        HEADER
        + "".join(
            f"             vmm-7       [000] .....  1.{i:06}: {text}\n"
            for i, text in enumerate((*calls, *(f"kvm_pio: {text}" for text in texts)))
        )
    )
    return path


@pytest.mark.parametrize("name", RECORDINGS)
def test_marks_of_firmware_and_boot_are_as_the_guest_made_them(recordings: Path, name: str) -> None:
    run = imported(recordings / "phase-marks" / name)
    marks = marks_of(only_vm(run))
    text = "".join(chr(mark.value) for mark in marks if mark.port == DEBUG)
    assert text.startswith("SeaBIOS (version 1.16")
    assert text.endswith(f"No Xen hypervisor found.\n{WRITTEN}")
    assert [mark for mark in marks if mark.port != DEBUG] == [
        Mark(POST, 0x1, 1, 1),
        Mark(POST, 0xA5, 1, 1),
        Mark(EXIT, 0x2, 1, 4),
    ]
    assert marks[-1].port == EXIT
    assert run.sink.coverage["sees"]["phase-marks"]


def test_a_mark_is_an_observation_of_no_page_by_a_vcpu(recordings: Path) -> None:
    events = only_vm(imported(recordings / "phase-marks" / "recording.dat"))
    marks = events[events["kind"] == EventKind.PHASE_MARK]
    assert set(marks["range_certainty"].tolist()) == {Certainty.UNKNOWN}
    assert set(marks["outcome"].tolist()) == {Outcome.APPLIED}
    assert set(marks["vcpu"].tolist()) == {0}


def test_what_is_read_or_goes_to_other_ports_is_no_mark(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "trace.txt",
        "pio_read at 0x80 size 1 count 1 val 0x3 ",
        "pio_write at 0x3f8 size 1 count 1 val 0x2e ",
        "pio_write at 0x80 size 1 count 1 val 0x7 ",
    )
    assert marks_of(only_vm(imported(path))) == [Mark(POST, 7, 1, 1)]


def test_a_string_instruction_is_one_mark_with_its_count(tmp_path: Path) -> None:
    path = lines(tmp_path / "trace.txt", "pio_write at 0x402 size 1 count 4096 val 0x53 (...)")
    assert marks_of(only_vm(imported(path))) == [Mark(DEBUG, 0x53, 4096, 1)]


def test_that_ports_were_not_recorded_is_told(tmp_path: Path) -> None:
    run = imported(lines(tmp_path / "trace.txt"))
    assert not run.sink.coverage["sees"]["phase-marks"]
    missing = {one["capability"]: one["costs"] for one in run.sink.coverage["missing"]}
    assert "kvm_pio" in missing["phase-marks"]
