"""A file that cannot be imported is told what it is, and what to do instead."""

from pathlib import Path

import pytest

from collector.importer import format_of
from collector.sources.base import InputError


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
