"""CPUs merged: the order is by time, however the bytes come and however many CPUs there are."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from collector.records import RECORD
from collector.trace.tracedat import _cpus as lanes, open_trace_dat
from tests.trace.tracefile import TraceFile, ioctl_exit, page

Events = list[list[tuple[int, bool]]]  # per CPU: step in time, does it begin a page


def pages_of(cpu: int, events: list[tuple[int, bool]]) -> list[bytes]:
    pages: list[tuple[int, list[bytes]]] = []
    ts = 1000
    for number, (step, begins_page) in enumerate(events):
        ts += step
        result = cpu << 20 | number
        if begins_page or not pages or len(pages[-1][1]) == 140:
            pages.append((ts, [ioctl_exit(result)]))
        else:
            pages[-1][1].append(ioctl_exit(result, step))
    return [page(start, *content) for start, content in pages]


def expected(cpus: Events) -> list[tuple[int, int]]:
    """(ts, result), sorted by time, then CPU, then order on the CPU."""
    all_events = []
    for cpu, events in enumerate(cpus):
        ts = 1000
        for number, (step, _) in enumerate(events):
            ts += step
            all_events.append((ts, cpu, number, cpu << 20 | number))
    return [(ts, result) for ts, _, _, result in sorted(all_events)]


def merged(path: Path, cpus: Events, compression: str) -> list[tuple[int, int]]:
    made = TraceFile({cpu: pages_of(cpu, events) for cpu, events in enumerate(cpus)})
    path.write_bytes(made.version7(compression))
    with open_trace_dat(path) as trace:
        records = np.concatenate([np.empty(0, RECORD), *trace.records()])
        assert trace.problems == ()
    return list(zip(records["ts"].tolist(), records["v"][:, 0].tolist(), strict=True))


ONE_CPU = st.lists(st.tuples(st.sampled_from([0, 0, 1, 7, 10**6]), st.booleans()), max_size=60)


@settings(max_examples=60, deadline=None)
@given(
    cpus=st.lists(ONE_CPU, min_size=1, max_size=6), compression=st.sampled_from(["none", "zstd"])
)
def test_order_is_by_time_then_cpu(
    tmp_path_factory: pytest.TempPathFactory, cpus: Events, compression: str
) -> None:
    path = tmp_path_factory.mktemp("merge") / "made.dat"
    assert merged(path, cpus, compression) == expected(cpus)


@pytest.mark.parametrize("batch", [1, 1 << 15, 1 << 19])
def test_batch_borders_do_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(lanes, "SMALLEST_BATCH", batch)
    monkeypatch.setattr(lanes, "LARGEST_BATCH", batch)
    steps = np.random.default_rng(5).integers(0, 4, (3, 4000)).tolist()
    cpus = [[(step, False) for step in line] for line in steps]
    assert merged(tmp_path / "made.dat", cpus, "zstd") == expected(cpus)


def test_two_hundred_and_fifty_six_cpus(tmp_path: Path) -> None:
    cpus = [[(cpu % 7 + 1, False)] * 50 for cpu in range(256)]
    assert merged(tmp_path / "made.dat", cpus, "none") == expected(cpus)


def test_cpu_that_ends_early_or_starts_late_holds_nothing_back(tmp_path: Path) -> None:
    busy = [(1, False)] * 40_000
    cpus = [[(5, False)], busy, [(39_000, False)] * 1]
    assert merged(tmp_path / "made.dat", cpus, "none") == expected(cpus)
