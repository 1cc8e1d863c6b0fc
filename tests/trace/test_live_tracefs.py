"""Sub-buffers as this machine's kernel writes them, read from a tracing instance of our own."""

import os
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from collector.codes import RecordCode
from collector.records import RecordArray
from collector.trace.tracedat import open_trace_dat
from tests.trace.tracefile import TraceFile

TRACEFS = Path("/sys/kernel/tracing")
CALLS = 20_000


@pytest.fixture
def instance() -> Iterator[Path]:
    """A tracing instance that follows only this thread's dup and close; removed afterwards."""
    if not os.access(TRACEFS / "instances", os.W_OK) or not (TRACEFS / "events/syscalls").is_dir():
        pytest.skip("hardware: this machine's kernel offers no writable tracefs with system calls")
    instance = TRACEFS / "instances" / f"gmemscope-test-{os.getpid()}"
    try:
        instance.mkdir()
    except OSError as error:
        pytest.skip(f"hardware: this machine's kernel makes no tracing instance ({error})")
    affinity = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(affinity)})
        tell(instance, "tracing_on", "0")
        tell(instance, "trace_clock", "mono")
        tell(instance, "set_event_pid", str(os.getpid()))
        for event in ("sys_enter_close", "sys_exit_close", "sys_enter_dup2", "sys_exit_dup2"):
            tell(instance, f"events/syscalls/{event}/enable", "1")
        yield instance
    finally:
        os.sched_setaffinity(0, affinity)
        if instance.is_dir():
            tell(instance, "tracing_on", "0")
            tell(instance, "events/enable", "0")
            instance.rmdir()


def tell(instance: Path, file: str, word: str) -> None:
    (instance / file).write_text(word)


def workload(instance: Path) -> None:
    tell(instance, "tracing_on", "1")
    for _ in range(CALLS):
        os.close(os.dup2(0, 200))
    tell(instance, "tracing_on", "0")


def raw_pages(instance: Path, size: int) -> dict[int, list[bytes]]:
    pages: dict[int, list[bytes]] = {}
    for cpu in sorted(os.sched_getaffinity(0)):
        pipe = instance / "per_cpu" / f"cpu{cpu}" / "trace_pipe_raw"
        descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        try:
            pages[cpu] = list(iter(partial(read_page, descriptor, size), b""))
        finally:
            os.close(descriptor)
    return pages


def read_page(descriptor: int, size: int) -> bytes:
    try:
        content = os.read(descriptor, size)
    except BlockingIOError:
        return b""
    return content + bytes(-len(content) % size)


def formats(instance: Path) -> dict[str, list[str]]:
    events = sorted((instance / "events" / "syscalls").glob("sys_*_[cd]*"))
    return {"syscalls": [(event / "format").read_text() for event in events if event.is_dir()]}


def decoded(path: Path, made: TraceFile, version: str) -> tuple[RecordArray, int]:
    """All records, and how many events were lost."""
    path.write_bytes(made.version6() if version == "6" else made.version7(version))
    with open_trace_dat(path) as trace:
        records = np.concatenate(list(trace.records()))
        assert trace.problems == ()
        return records, trace.lost_events


def check_calls(records: RecordArray) -> None:
    """Each dup got the fd that the close after it gave back."""
    codes = [RecordCode.DUP_ENTER, RecordCode.DUP_EXIT, RecordCode.CLOSE_ENTER]
    calls = records[np.isin(records["code"], codes)]
    first = np.flatnonzero(calls["code"] == RecordCode.DUP_ENTER)[0]
    calls = calls[first : len(calls) - (len(calls) - first) % 3]
    assert calls["code"].reshape(-1, 3).tolist() == [codes] * (len(calls) // 3)
    values = calls["v"][:, 0].reshape(-1, 3)
    assert (values[:, 0] == 0).all()
    assert (values[:, 1] == values[:, 2]).all()
    assert set(records["tid"][records["code"] < RecordCode.LOSS_BEGIN].tolist()) == {os.getpid()}
    assert (np.diff(records["ts"].astype(np.int64)) >= 0).all()


@pytest.mark.parametrize("kib", [4, 64])
@pytest.mark.parametrize("version", ["6", "none", "zstd"])
def test_real_sub_buffers(instance: Path, tmp_path: Path, kib: int, version: str) -> None:
    if kib != 4 and not (instance / "buffer_subbuf_size_kb").exists():
        pytest.skip("hardware: this machine's kernel has no buffer_subbuf_size_kb (6.8)")
    if kib != 4:
        tell(instance, "buffer_subbuf_size_kb", str(kib))
    tell(instance, "buffer_size_kb", "16384")
    workload(instance)
    pages = raw_pages(instance, kib << 10)
    made = TraceFile(pages, formats=formats(instance), page_size=kib << 10)
    records, lost = decoded(tmp_path / "made.dat", made, version)
    check_calls(records)
    exits = int((records["code"] == RecordCode.DUP_EXIT).sum())
    assert (exits, lost) == (CALLS, 0)


def test_real_overwritten_ring_counts_what_it_lost(instance: Path, tmp_path: Path) -> None:
    tell(instance, "buffer_size_kb", "256")
    workload(instance)
    stats = (instance / "per_cpu" / f"cpu{min(os.sched_getaffinity(0))}" / "stats").read_text()
    overrun = int(stats.split("overrun: ")[1].split()[0])
    made = TraceFile(raw_pages(instance, 4096), formats=formats(instance))
    records, lost = decoded(tmp_path / "made.dat", made, "zstd")
    check_calls(records)
    assert overrun > CALLS
    assert lost in (overrun, 0)  # 0: the page had no room for the number
    first = records[0]
    assert RecordCode(int(first["code"])) is RecordCode.LOSS_BEGIN
    assert int(first["v"][0]) == lost


def test_real_extract_of_64_kib_sub_buffers(instance: Path, tmp_path: Path, trace_cmd: str) -> None:
    if not (instance / "buffer_subbuf_size_kb").exists():
        pytest.skip("hardware: this machine's kernel has no buffer_subbuf_size_kb (6.8)")
    tell(instance, "buffer_subbuf_size_kb", "64")
    tell(instance, "buffer_size_kb", "16384")
    workload(instance)
    path = tmp_path / "extracted.dat"
    command = [trace_cmd, "extract", "-B", instance.name, "-o", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    with open_trace_dat(path) as trace:
        records = np.concatenate(list(trace.records()))
        assert trace.problems == ()
    check_calls(records)
    assert int((records["code"] == RecordCode.DUP_EXIT).sum()) == CALLS
