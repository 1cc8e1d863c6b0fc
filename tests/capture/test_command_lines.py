"""Names that VMMs are given on their command lines."""

import pytest

from collector.capture.inventory import guest_called

UUID = "c7a5fdbd-edaf-9455-926a-d65c16db1809"


@pytest.mark.parametrize(
    ("line", "name", "uuid"),
    [
        ("-name guest=web,debug-threads=on -uuid " + UUID, "web", UUID),
        ("-S -name web -m 4G", "web", None),
        ("-name web,process=vmm", "web", None),
        ("-name debug-threads=on,guest=web", "web", None),
        ("--name guest=a,,b", "a,b", None),
        ("-name debug-threads=on", None, None),
        ("-name first -name second", "second", None),
        ("-uuid " + UUID.upper(), None, UUID),
        ("-uuid nonsense", None, None),
        ("-name", None, None),
        ("", None, None),
    ],
)
def test_qemu(line: str, name: str | None, uuid: str | None) -> None:
    assert guest_called("/usr/bin/qemu-system-x86_64", line.split()) == (name, uuid)


def test_qemu_by_other_names() -> None:
    for program in ("/usr/libexec/qemu-kvm", ".qemu-system-x86_64-wrapped"):
        assert guest_called(program, ["-name", "web"]) == ("web", None)


def test_firecracker() -> None:
    arguments = ["--id", "551e7604", "--api-sock", "/run/api"]
    assert guest_called("/usr/bin/firecracker", arguments) == ("551e7604", None)


def test_vmms_that_name_no_guest() -> None:
    for program in ("cloud-hypervisor", "crosvm", "krunvm", "python3.11"):
        assert guest_called(program, ["-name", "web", "--id", "1"]) == (None, None)
