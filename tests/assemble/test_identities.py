"""Whose a call is: what is not certain makes pages unknown, and is never taken for certain."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from app.model.events import effect_time
from app.model.guest import EventKind, PageState
from collector.codes import RecordCode
from collector.kvm.uapi import CLONE_THREAD, KVM_CREATE_VM
from tests.assemble.checks import imported
from tests.assemble.conversion_truth import read_truth
from tests.assemble.known_frames import compare
from tests.assemble.made_hosts import PAGES, STEP_NS, Host, Recording, hosts, recordings
from tests.assemble.memory_sink import MemorySink, Pages, RecordedVm
from tests.assemble.record_streams import assembled, record
from tests.assemble.test_vm_identity import closed, converted, ioctl

CREATE_VM = KVM_CREATE_VM


def test_vmms_that_ran_before_the_trace_stay_apart(recordings: Path) -> None:
    """Both have their VM on fd 5, and nothing tells of their threads."""
    folder = recordings / "late-recipe"
    run = imported(folder / "recording.dat")
    truths = [read_truth(folder / f"{name}.truth.jsonl") for name in ("a", "b")]
    vms = run.sink.named()
    assert sorted(vm.identity.pid or 0 for vm in vms) == [255, 256]
    assert all(vm.identity.may_be_several for vm in vms)
    for vm in vms:
        assert set(vm.conversions["tid"].tolist()) == {vm.identity.pid}
    assert "`gmemscope recipe processes`" in " ".join(run.sink.coverage["notes"])
    frames = compare(run, truths)
    assert frames.known > 100_000
    assert frames.wrong == 0


@pytest.mark.parametrize(
    ("name", "truth"),
    [("extract.dat", "extract"), ("perf.script.txt", "perf"), ("tracefs.trace.txt", "tracefs")],
)
def test_no_frame_of_a_recording_with_losses_is_another_vms(
    recordings: Path, name: str, truth: str
) -> None:
    run = imported(recordings / "lossy" / name)
    frames = compare(run, [read_truth(recordings / "lossy" / f"{truth}.truth.jsonl")])
    assert frames.wrong == 0


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_no_known_page_is_wrong_whoever_was_recorded(data: st.DataObject) -> None:
    host = data.draw(hosts())
    recording = data.draw(recordings_of(host))
    sink = assembled(recording.records, start_ns=0)
    for vm in sink.named():
        for step, pages in _after_steps(vm, recording, len(host.states)):
            key = host.process_of[vm.identity.pid or 0], vm.identity.vm_fd
            private = host.states[step].get(key)  # type: ignore[arg-type]
            for gfn in range(PAGES) if private is not None else ():
                state = pages.at(gfn)
                is_right = (state == PageState.PRIVATE) == (gfn in (private or ()))
                assert state == PageState.UNKNOWN or is_right, (step, gfn, vm.identity)


def recordings_of(host: Host) -> st.SearchStrategy[Recording]:
    return recordings(host)


def _after_steps(vm: RecordedVm, recording: Recording, steps: int) -> Iterator[tuple[int, Pages]]:
    """What is said of a VM after each step that was recorded, outside the gap."""
    events, at = vm.events, 0
    times = effect_time(events) if len(events) else np.zeros(0, np.int64)
    pages = Pages(vm.identity.start_state)
    for step in range(recording.first_step, steps):
        t = (step + 1) * STEP_NS + 600
        while at < len(events) and times[at] <= t:
            pages.apply(events[at])
            at += 1
        in_gap = recording.gap is not None and recording.gap[0] <= step < recording.gap[1]
        is_there = vm.ended is None or t < vm.ended[0]
        if not in_gap and is_there and (vm.identity.created_t or 0) <= t:
            yield step, pages


def told(*parts: list[np.ndarray]) -> MemorySink:
    return assembled(np.concatenate([row for part in parts for row in part]))


def spawned(ts: int, parent: int, child: int, flags: int = CLONE_THREAD) -> list[np.ndarray]:
    return [record(ts, parent, RecordCode.NEW_TASK, child, flags)]


def test_threads_seen_to_be_made_are_certain() -> None:
    sink = told(
        spawned(1, 9, 10, 0),
        ioctl(10, 4, CREATE_VM, 5, tid=10),
        spawned(20, 10, 11),
        converted(30, tid=11),
    )
    (vm,) = sink.named()
    assert not vm.identity.may_be_several
    assert vm.events["kind"].tolist() == [EventKind.CONVERSION]


def test_a_stranger_cannot_be_of_a_process_whose_threads_are_all_known() -> None:
    sink = told(spawned(1, 9, 10, 0), ioctl(10, 4, CREATE_VM, 5, tid=10), converted(30, tid=77))
    assert [vm.identity.pid for vm in sink.named()] == [10, 77]
    assert not any(vm.identity.may_be_several for vm in sink.named())


def test_after_a_loss_it_may_be() -> None:
    sink = told(
        spawned(1, 9, 10, 0),
        ioctl(10, 4, CREATE_VM, 5, tid=10),
        [record(20, 0, RecordCode.LOSS_BEGIN, 0, 25), record(25, 0, RecordCode.LOSS_END, 0, 20)],
        converted(30, tid=77),
    )
    (vm,) = sink.named()
    assert vm.identity.may_be_several
    assert vm.events["kind"].tolist()[-3:] == [
        EventKind.DOUBT,
        EventKind.CONVERSION,
        EventKind.DOUBT,
    ]


def test_a_vm_named_by_its_descriptor_again_after_a_loss_may_be_another() -> None:
    sink = told(
        spawned(1, 9, 10, 0),
        ioctl(10, 4, CREATE_VM, 5, tid=10),
        [record(20, 0, RecordCode.LOSS_BEGIN, 0, 25), record(25, 0, RecordCode.LOSS_END, 0, 20)],
        converted(30, tid=10),
    )
    (vm,) = sink.named()
    assert vm.identity.may_be_several


def test_a_thread_that_turns_out_to_be_of_a_process_brings_what_it_opened() -> None:
    """Thread 11 stands for itself until it runs another program: then it is process 11."""
    sink = told(
        converted(10, tid=10),
        spawned(20, 10, 11),
        converted(30, tid=11),
        closed(40, 5, tid=11),
    )
    (vm,) = sink.named()
    assert len(vm.conversions) == 2
    assert vm.ended == (35, False)
