"""A file that cannot be imported: the error names what it is, and what to do instead."""

from pathlib import Path

import pytest

from collector.importing import FORMATS, format_of
from collector.trace.errors import InputError


@pytest.mark.parametrize(
    ("head", "advice"),
    [
        (b"PERFILE2\x68\0\0\0", "perf script --header --ns --show-lost-events"),
        (b"\xfd7zXZ\0\0\x04", "xz -dk"),
        (b"\x1f\x8b\x08\0", "gzip -dk"),
        (b"\x28\xb5\x2f\xfd\0", "zstd -d"),
        (b"execve(0x7ffe) = 0\n", "none of the formats known"),
        (b"Some prose about kvm_run_exit and others.\n", "none of the formats known"),
    ],
)
def test_foreign_files_are_named(tmp_path: Path, head: bytes, advice: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(head)
    with pytest.raises(InputError) as raised:
        format_of(path)
    assert advice in raised.value.reason


def test_a_file_that_cannot_be_read_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        format_of(tmp_path / "missing")


@pytest.mark.parametrize(
    ("head", "only"),
    [
        (b"\x17\x08\x44tracing6\0", "trace.dat"),
        (b"# tracer: nop\n  task-12 [001] 12.345678: kvm_exit: reason\n", "trace"),
        (b"  task-12 [001] 12.345678: kvm_exit: reason\n", "trace-report"),
        (b"task 12/12 [001] 12.345678: kvm:kvm_exit: reason\n", "perf-script"),
        (b"kvm_run_exit cpu_index 0, reason 2\n", "qemu"),
    ],
)
def test_a_head_is_recognised_by_one_format_only(head: bytes, only: str) -> None:
    assert [name for name, load in FORMATS.items() if load().detects(head)] == [only]
