"""Hosts with several VMMs, made up: what a recording of them holds, and what was true."""

from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st
from hypothesis.vendor.pretty import RepresentationPrinter

from collector.codes import RecordCode
from collector.kvm.uapi import CLONE_THREAD, KVM_CREATE_VM, KVM_SET_MEMORY_ATTRIBUTES
from collector.records import RecordArray
from tests.assemble.record_streams import record

CREATE_VM, SET_ATTRIBUTES = KVM_CREATE_VM, KVM_SET_MEMORY_ATTRIBUTES
FDS, PAGES, STEP_NS = (5, 6), 8, 1_000_000
_TASKS = {RecordCode.NEW_TASK, RecordCode.PROCESS_EXIT}
_CLOSES = {RecordCode.CLOSE_ENTER, RecordCode.CLOSE_EXIT}
_CREATIONS = {RecordCode.IOCTL_ENTER}


@dataclass
class Process:
    threads: list[int]
    private: dict[int, set[int]] = field(default_factory=dict)  # VM fd -> its private gfns


@dataclass
class Host:
    """Its records, in order of time, and after each step who has which pages private."""

    records: list[RecordArray] = field(default_factory=list)
    process_of: dict[int, int] = field(default_factory=dict)
    states: list[dict[tuple[int, int], set[int]]] = field(default_factory=list)

    def _repr_pretty_(self, printer: RepresentationPrinter, _: bool) -> None:
        printer.text(f"{len(self.states)} steps of {self.process_of}")


@dataclass(frozen=True)
class Recording:
    """What was recorded of a host: from a step on, without some kinds, with a gap or none."""

    records: RecordArray
    first_step: int
    gap: tuple[int, int] | None

    def _repr_pretty_(self, printer: RepresentationPrinter, _: bool) -> None:
        rows = (
            f"{r['ts']:>6} {r['tid']:>5} {RecordCode(int(r['code'])).name} {r['v'][:4].tolist()}"
            for r in self.records
        )
        printer.text("\n".join((f"from step {self.first_step}, gap {self.gap}", *rows)))


@st.composite
def hosts(draw: st.DrawFn) -> Host:
    host = Host()
    processes = {pid: Process([pid]) for pid in (100, 200, 300)[: draw(st.integers(2, 3))]}
    next_tid = 1000
    for step in range(draw(st.integers(5, 30))):
        t, pid = (step + 1) * STEP_NS, draw(st.sampled_from(sorted(processes)))
        process = processes[pid]
        tid = draw(st.sampled_from(process.threads))
        choice = draw(st.integers(0, 9))
        free = [fd for fd in FDS if fd not in process.private]
        if choice == 0 or (choice < 3 and len(process.threads) == 1):
            host.records += [record(t, tid, RecordCode.NEW_TASK, next_tid, CLONE_THREAD)]
            process.threads.append(next_tid)
            next_tid += 1
        elif free and (choice < 3 or len(free) == len(FDS)):
            host.records += _call(t, tid, RecordCode.IOCTL_ENTER, (4, CREATE_VM, 0), free[0])
            process.private[free[0]] = set()
        elif choice == 3:
            fd = draw(st.sampled_from(sorted(process.private)))
            host.records += [
                record(t, tid, RecordCode.CLOSE_ENTER, fd),
                record(t + 10, tid, RecordCode.CLOSE_EXIT, 0),
            ]
            del process.private[fd]
        else:
            _convert(draw, host, process, t, tid)
        host.process_of |= dict.fromkeys(process.threads, pid)
        host.states.append(
            {(p, fd): set(own) for p, one in processes.items() for fd, own in one.private.items()}
        )
    return host


def _convert(draw: st.DrawFn, host: Host, process: Process, t: int, tid: int) -> None:
    fd = draw(st.sampled_from(sorted(process.private)))
    first = draw(st.integers(0, PAGES - 1))
    end = draw(st.integers(first + 1, PAGES))
    attributes = draw(st.sampled_from([0, 8]))
    words = (fd, first << 12, (end - first) << 12, attributes, 0)
    host.records += _call(t, tid, RecordCode.USER_SET_ATTRIBUTES, words, 0)
    own, pages = process.private[fd], set(range(first, end))
    process.private[fd] = own | pages if attributes else own - pages


def _call(
    t: int, tid: int, code: RecordCode, words: tuple[int, ...], ret: int
) -> list[RecordArray]:
    return [record(t, tid, code, *words), record(t + 10, tid, RecordCode.IOCTL_EXIT, ret)]


@st.composite
def recordings(draw: st.DrawFn, host: Host) -> Recording:
    first = draw(st.integers(0, len(host.states) - 1))
    without: set[RecordCode] = set()
    for kinds in (_TASKS, _CLOSES, _CREATIONS):
        if draw(st.booleans()):
            without |= kinds
    kept = [
        r
        for r in host.records
        if r["ts"][0] >= (first + 1) * STEP_NS and int(r["code"][0]) not in without
    ]
    gap = None
    if draw(st.booleans()):
        begin = draw(st.integers(first, len(host.states) - 1))
        gap = (begin, draw(st.integers(begin, len(host.states) - 1)))
        kept = _without(kept, *gap)
    if not kept:
        kept = [record((first + 1) * STEP_NS, 1, RecordCode.CLOSE_EXIT, 0)]
    return Recording(np.concatenate(kept), first, gap)


def _without(records: list[RecordArray], first: int, last: int) -> list[RecordArray]:
    """Lose what happened from one step to another; the only CPU says so."""
    begin, end = (first + 1) * STEP_NS - 5, (last + 1) * STEP_NS + 500
    before = [r for r in records if r["ts"][0] < begin]
    after = [r for r in records if r["ts"][0] > end]
    return [
        *before,
        record(begin, 0, RecordCode.LOSS_BEGIN, 0, end),
        record(end, 0, RecordCode.LOSS_END, 0, begin),
        *after,
    ]
