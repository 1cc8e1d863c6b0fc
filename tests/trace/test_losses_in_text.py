"""Losses that a text tells of: between which events they lie, and how much work finding them is."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from collector.trace.text import KnownEvents, TextRecords
from collector.trace.text._losses import TextLoss, find_losses, surroundings

EVENT, DROPPED, PERF_LOST, OTHER = "event", "dropped", "perf lost", "other"
Told = tuple[str, int, int]
"""Kind, CPU, count."""


def line_of(told: Told, t: int) -> str:
    kind, cpu, count = told
    head = f"vmm-7 [{cpu:03}] 1.{t:09}:"
    match kind:
        case "event":
            return f"{head} sys_exit_ioctl: 0x0"
        case "dropped":
            return f"CPU:{cpu} [LOST {count} EVENTS]" if count else f"CPU:{cpu} [EVENTS DROPPED]"
        case "perf lost":
            return f"{head} PERF_RECORD_LOST lost {count}"
    return f"vmm [{cpu:03}] PERF_RECORD_LOST and CPU:{cpu} [LOST {count} EVENTS] in other words"


def looked_up(lines: list[Told]) -> list[TextLoss]:
    """The same by looking through all lines for each loss. Where nothing follows on its CPU, it
    lasts to the end."""
    found = []
    last = max((i for i, one in enumerate(lines) if one[0] == EVENT), default=None)
    last_ns = 0 if last is None else 1_000_000_000 + last
    for t, (kind, cpu, count) in enumerate(lines):
        if kind not in (DROPPED, PERF_LOST):
            continue
        events = [i for i, one in enumerate(lines) if one[0] == EVENT and one[1] == cpu]
        before = max((i for i in events if i < t), default=None)
        after = min((i for i in events if i > t), default=None)
        begin = None if before is None else 1_000_000_000 + before
        end = t if kind == PERF_LOST else after
        end_ns = last_ns if end is None else 1_000_000_000 + end
        found.append(TextLoss(begin, max(end_ns, begin or 0), cpu, count))
    return found


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([EVENT, EVENT, DROPPED, PERF_LOST, OTHER]),
            st.integers(0, 3),
            st.integers(0, 9),
        ),
        max_size=30,
    )
)
def test_a_loss_lies_between_the_events_beside_it_on_its_cpu(
    tmp_path_factory: pytest.TempPathFactory, lines: list[Told]
) -> None:
    path = tmp_path_factory.mktemp("text") / "report.txt"
    path.write_text("".join(line_of(told, t) + "\n" for t, told in enumerate(lines)))
    assert find_losses(path) == looked_up(lines)


@pytest.mark.parametrize("losses", [10, 1000])
def test_the_lines_are_walked_through_once(losses: int) -> None:
    lines = [(DROPPED, i % 4, 1) if i % 2 else (EVENT, 9, 0) for i in range(2 * losses)]
    texts = [line_of(told, t) + "\n" for t, told in enumerate(lines)]
    starts = np.cumsum([0, *map(len, texts)])[:-1]
    places = [
        (at, cpu, -1) for at, (kind, cpu, _) in zip(starts, lines, strict=True) if kind == DROPPED
    ]
    text = np.frombuffer("".join(texts).encode(), np.uint8)
    *_, walked = surroundings(text, np.array(places, np.int64))
    assert walked == len(lines)


def work_of(path: Path) -> int:
    """How many functions, Python's own included, are called to read a text."""
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    records = TextRecords(path, KnownEvents().templates_of)
    sys.setprofile(count)
    try:
        for _ in records.batches():
            pass
    finally:
        sys.setprofile(None)
    return calls


HEAD = "vmm-7 [000] 1.000000: sys_enter_ioctl: fd: 0x3, cmd: 0xae01, arg: 0x0\n"
GOOD = "vmm-7 [000] 2.000000: sys_exit_ioctl: 0x5\n"
LINES = {
    "lost": "CPU:{cpu} [LOST 3 EVENTS]\n",
    "lost by perf": "vmm-7 [00{cpu}] 1.500000: PERF_RECORD_LOST lost 3\n",
    "unreadable": "vmm-7 [00{cpu}] 1x500000: sys_exit_ioctl: 0x0\n",
    "unreadable between others": "vmm-7 [00{cpu}] 1x500000: sys_exit_ioctl: 0x0\n" + GOOD,
    "lost between others": "CPU:{cpu} [LOST 3 EVENTS]\n" + GOOD,
}


@pytest.mark.parametrize("kind", LINES)
def test_work_grows_as_the_text_does(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "report.txt"
    work = {}
    for count in (20, 400, 800):  # the first compiles
        some = "".join(LINES[kind].format(cpu=i % 4) for i in range(count))
        path.write_text(HEAD + some + GOOD)
        work[count] = work_of(path)
    assert work[800] < 2.2 * work[400]
