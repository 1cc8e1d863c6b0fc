"""Files cut short or with wrong bytes: what is sound is kept, the rest is named, nothing hangs."""

import random
from pathlib import Path

import numpy as np
import pytest

from collector.codes import RecordCode
from collector.records import RECORD, RecordArray
from collector.trace.errors import InputError
from collector.trace.tracedat import open_trace_dat
from tests.trace.tracefile import TraceFile, ioctl_exit, page

CASES = 200
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


def read(path: Path) -> tuple[RecordArray, list[str]]:
    """All records and what was wrong; raises InputError if nothing could be read."""
    with open_trace_dat(path) as trace:
        records = np.concatenate([np.empty(0, RECORD), *trace.records()])
        return records, [str(problem) for problem in trace.problems]


def calls(records: RecordArray) -> RecordArray:
    return records[records["code"] < RecordCode.LOSS_BEGIN]


def check_order(records: RecordArray) -> None:
    assert bool((np.diff(records["ts"].astype(np.int64)) >= 0).all())
    begins = int((records["code"] == RecordCode.LOSS_BEGIN).sum())
    assert begins == int((records["code"] == RecordCode.LOSS_END).sum())


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A recording of 40 pages on two CPUs, in each version."""
    cpus = {
        cpu: [
            page(10_000 * n + cpu, *(ioctl_exit(100 * n + i, 7, tid=cpu) for i in range(100)))
            for n in range(20)
        ]
        for cpu in range(2)
    }
    made = TraceFile(cpus)
    return {"6": made.version6(), "none": made.version7(), "zstd": made.version7("zstd")}


@pytest.mark.parametrize("version", ["6", "none", "zstd"])
def test_cut_file_keeps_what_came_before_the_cut(
    tmp_path: Path, small: dict[str, bytes], version: str
) -> None:
    whole, path = small[version], tmp_path / "cut.dat"
    path.write_bytes(whole)
    expected, _ = read(path)
    before = len(calls(expected))
    kept = []
    for length in range(len(whole), 0, -1009):
        path.write_bytes(whole[:length])
        try:
            records, problems = read(path)
        except InputError as error:
            assert error.offset is not None
            kept.append(0)
            continue
        check_order(records)
        found = calls(records)
        assert bool(np.isin(found, expected).all())
        assert len(found) == before or problems
        kept.append(len(found))
    assert kept == sorted(kept, reverse=True)
    assert kept[0] == before
    assert len(set(kept)) > 5  # not all or nothing


@pytest.mark.parametrize("version", ["6", "none", "zstd"])
def test_wrong_bytes_are_survived(tmp_path: Path, small: dict[str, bytes], version: str) -> None:
    chance, path = random.Random(7), tmp_path / "flipped.dat"
    for _ in range(CASES):
        content = bytearray(small[version])
        for _ in range(chance.choice([1, 1, 3, 40])):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        survive(path, bytes(content))


def test_real_file_with_wrong_bytes_or_cut_is_survived(recordings: Path, tmp_path: Path) -> None:
    whole = (recordings / "tp-convwork" / "lean.dat").read_bytes()
    chance, path = random.Random(11), tmp_path / "damaged.dat"
    interesting = [*range(4000), *range(660_000, len(whole))]  # not the symbols
    for _ in range(CASES // 2):
        content = bytearray(whole)
        for _ in range(chance.choice([1, 2, 10])):
            content[chance.choice(interesting)] = chance.randrange(256)
        if chance.random() < 0.3:
            del content[chance.choice(interesting) :]
        survive(path, bytes(content))


def survive(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        records, _ = read(path)
    except InputError:
        return
    check_order(records)


def test_damaged_page_of_one_cpu_does_not_stop_the_others(
    tmp_path: Path, small: dict[str, bytes]
) -> None:
    content = bytearray(small["6"])
    path = tmp_path / "damaged.dat"
    path.write_bytes(content)
    expected, _ = read(path)
    third = content.index((20_000).to_bytes(8, "little"))  # the third page of CPU 0
    content[third + 8 : third + 16] = b"\xff" * 8
    path.write_bytes(content)
    records, problems = read(path)
    lost = expected[(expected["cpu"] == 0) & (expected["v"][:, 0] // 100 == 2)]
    assert len(calls(records)) == len(expected) - len(lost) == len(expected) - 100
    assert problems == [f"at offset {third:#x} (CPU 0): the page's header is not one"]
    gap = records[records["code"] >= RecordCode.LOSS_BEGIN]
    assert gap["ts"].tolist() == [10_700, 30_007]
    assert gap["v"][:, 0].tolist() == [0, 0]


def test_damaged_chunk_loses_only_its_own_pages(tmp_path: Path, small: dict[str, bytes]) -> None:
    content = bytearray(small["zstd"])
    places = [i for i in range(len(content)) if content.startswith(ZSTD_MAGIC, i)]
    third = places[4 + 2]  # four sections of metadata come first
    content[third : third + 4] = bytes(4)
    path = tmp_path / "damaged.dat"
    path.write_bytes(small["zstd"])
    expected, _ = read(path)
    path.write_bytes(content)
    records, problems = read(path)
    assert len(expected) - len(calls(records)) == 300
    assert len(problems) == 1
    assert "compressed block is damaged" in problems[0]


def test_many_damaged_pages_are_not_all_described(tmp_path: Path) -> None:
    bad = page(5, ioctl_exit(1))[:8] + b"\xff" * 4088
    path = tmp_path / "bad.dat"
    path.write_bytes(TraceFile({0: [bad] * 100, 1: [page(9, ioctl_exit(1))]}).version7())
    records, problems = read(path)
    assert len(problems) == 65
    assert "36 more damaged pages" in problems[-1]
    assert [RecordCode(int(code)).name for code in records["code"]] == [
        "LOSS_BEGIN",
        "IOCTL_EXIT",
        "LOSS_END",
    ]


def test_version_6_file_cut_before_its_instance_keeps_the_top_buffer(tmp_path: Path) -> None:
    """What the instance recorded, and when, nothing tells: it is missing from start to end."""
    top, instance = [page(5, ioctl_exit(1))], [page(9, ioctl_exit(2))]
    whole = TraceFile({0: top}, instances={"vm": ("mono", {0: instance})}).version6()
    path = tmp_path / "cut.dat"
    path.write_bytes(whole[: whole.rindex(b"flyrecord")])
    records, problems = read(path)
    assert calls(records)["v"][:, 0].tolist() == [1]
    assert [RecordCode(int(code)).name for code in records["code"]] == [
        "LOSS_BEGIN",
        "IOCTL_EXIT",
        "LOSS_END",
    ]
    assert "the file ends here" in problems[0]
