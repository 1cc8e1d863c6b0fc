"""Who runs which vCPU, and when a VM is over: exec, exits, pids and descriptors used again."""

import numpy as np

from app.model.events import EventArray
from app.model.guest import Certainty, EventKind
from collector.codes import CallCode
from collector.kvm.uapi import CLONE_THREAD
from collector.records import CallArray
from collector.vm_inventory import VmmFacts
from tests.assemble.live_calls import (
    MEMFD,
    PID,
    VM_FD,
    Live,
    call,
    create_memfd,
    create_vm,
    ranges,
    region,
)

MIB = 1 << 20
VCPU_FD, VCPU_THREAD = 30, 71


def create_vcpu(ts: int, vcpu_id: int, fd: int = VCPU_FD) -> CallArray:
    return call(ts, CallCode.CREATE_VCPU, VM_FD, vcpu_id, ret=fd)


def run_vcpu(ts: int, fd: int = VCPU_FD, tid: int = VCPU_THREAD) -> CallArray:
    return call(ts, CallCode.VCPU_RUN, fd, tid=tid)


def convert(ts: int, tid: int = PID, pid: int = PID, fd: int = VM_FD) -> CallArray:
    return call(ts, CallCode.SET_ATTRIBUTES, fd, 0x1000, 0x1000, 8, tid=tid, pid=pid)


def close(ts: int, fd: int) -> CallArray:
    return call(ts, CallCode.CLOSE, fd)


def close_range(ts: int, first: int, last: int = 0xFFFFFFFF, flags: int = 0) -> CallArray:
    return call(ts, CallCode.CLOSE_RANGE, first, last, flags)


def dup(ts: int, fd: int, ret: int) -> CallArray:
    return call(ts, CallCode.DUP, fd, ret=ret)


def exited(ts: int, tid: int, group_dead: int = 1) -> CallArray:
    return call(ts, CallCode.PROCESS_EXIT, -1, tid, group_dead, tid=tid, pid=0)


def executed(ts: int, pid: int = PID, old_tid: int = PID) -> CallArray:
    return call(ts, CallCode.PROCESS_EXEC, -1, pid, old_tid, tid=pid, pid=0)


def started(ts: int, child: int, clone_flags: int = 0, parent: int = 1) -> CallArray:
    return call(ts, CallCode.NEW_TASK, -1, child, clone_flags, tid=parent, pid=0)


def vcpus(events: EventArray) -> list[int]:
    return [int(vcpu) for vcpu in events["vcpu"]]


def test_whatever_a_vcpu_thread_does_is_of_that_vcpu() -> None:
    run = Live().tell(
        create_vm(1),
        create_vcpu(2, 5),
        run_vcpu(3),
        convert(10, tid=VCPU_THREAD),
        convert(11),
        call(12, CallCode.HYPERCALL, -1, 0x1000, 1, 16, 1, tid=VCPU_THREAD),
    )
    assert vcpus(run.vm.events) == [5, -1, 5]


def test_thread_that_creates_a_vcpu_need_not_run_it() -> None:
    run = Live().tell(create_vm(1), create_vcpu(2, 5), convert(10))
    assert vcpus(run.vm.events) == [-1]


def test_vcpu_that_an_event_names_itself_stays() -> None:
    named = convert(10, tid=VCPU_THREAD)
    named["vcpu"] = 3
    run = Live().tell(create_vm(1), create_vcpu(2, 5), run_vcpu(3), named)
    assert vcpus(run.vm.events) == [3]


def test_number_of_an_exited_vcpu_thread_is_another_threads() -> None:
    run = Live().tell(
        create_vm(1),
        create_vcpu(2, 5),
        run_vcpu(3),
        exited(10, VCPU_THREAD, group_dead=0),
        started(20, VCPU_THREAD, CLONE_THREAD, parent=PID),
        convert(30, tid=VCPU_THREAD),
    )
    assert vcpus(run.vm.conversions) == [-1]


def test_vcpu_fd_keeps_a_vm_alive() -> None:
    run = Live().tell(create_vm(1), create_vcpu(2, 0), close(10, VM_FD))
    assert run.vm.ended is None
    run.tell(close(20, VCPU_FD))
    assert run.vm.ended == (20, False)


def test_close_range_closes_what_lies_in_it() -> None:
    run = Live().tell(create_vm(1), create_vcpu(2, 0), close_range(10, VM_FD + 1))
    assert run.vm.ended is None
    run.tell(close_range(20, 3, VM_FD - 1), close_range(21, VM_FD, VM_FD, flags=4))
    assert run.vm.ended is None
    run.tell(close_range(30, VM_FD, VM_FD))
    assert run.vm.ended == (30, False)


def test_close_range_of_another_process_closes_nothing_here() -> None:
    other = close_range(10, 3)
    other["tid"] = other["tgid"] = PID + 1000
    run = Live().tell(create_vm(1), other, convert(20))
    assert run.vm.ended is None


def test_file_of_others_duplicated_over_a_vm_ends_it() -> None:
    run = Live().tell(create_vm(1), dup(10, 2, ret=-9), dup(11, VM_FD, ret=VM_FD))
    assert run.vm.ended is None
    run.tell(dup(20, 2, ret=VM_FD))
    assert run.vm.ended == (20, True)


def test_vm_fd_keeps_a_vm_alive_whose_vcpus_are_closed() -> None:
    run = Live().tell(create_vm(1), create_vcpu(2, 0), close(10, VCPU_FD), convert(20))
    assert run.vm.ended is None
    assert len(run.vm.conversions) == 1


def test_guest_memfd_that_is_still_open_does_not_keep_a_vm_alive() -> None:
    run = Live().tell(create_vm(1), create_memfd(2, MIB), close(10, VM_FD))
    assert run.vm.ended == (10, False)


def test_vm_fd_used_again_ends_a_vm_although_its_vcpus_were_not_seen_to_close() -> None:
    run = Live().tell(create_vm(1), create_vcpu(2, 0), create_vm(10))
    assert [vm.ended for vm in run.sink.named()] == [(10, True), None]


def test_exec_ends_the_vms_of_a_process_and_another_program_is_asked_who_it_is() -> None:
    names = iter(["first", "second"])

    def vmm_of(pid: int) -> VmmFacts:
        return VmmFacts(pid, 7, next(names))

    run = Live(vmm_of).tell(
        create_vm(1), create_vcpu(2, 0), executed(10), create_vm(20), convert(30)
    )
    first, second = run.sink.named()
    assert (first.ended, second.ended) == ((10, True), None)
    assert (first.identity.name, second.identity.name) == ("first", "second")
    assert len(second.conversions) == 1


def test_exec_by_another_thread_is_that_of_its_process() -> None:
    threads = started(2, VCPU_THREAD, CLONE_THREAD, parent=PID)
    run = Live().tell(create_vm(1), threads, executed(10, PID, old_tid=VCPU_THREAD))
    assert run.vm.ended == (10, True)


def test_guest_memfd_outlives_exec() -> None:
    """But its VM does not: what is done to it then is done to memory of a guest that is gone."""
    run = Live().tell(
        create_vm(1),
        create_memfd(2, MIB),
        region(3, 0, 0, MIB, memfd=MEMFD),
        executed(10),
        call(20, CallCode.FALLOCATE, MEMFD, 3, 0, 0x1000),
    )
    assert run.vm.ended == (10, True)
    (punch,) = run.of_kind(EventKind.PUNCH_HOLE)
    assert punch["range_certainty"] == Certainty.UNKNOWN


def test_exit_of_the_process_ends_its_vms() -> None:
    run = Live().tell(create_vm(1), create_vcpu(2, 0), exited(10, PID))
    assert run.vm.ended == (10, False)


def test_pid_used_again_is_another_process() -> None:
    run = Live(lambda pid: VmmFacts(pid, 7, "qemu")).tell(
        create_vm(1), exited(10, PID), started(20, PID), convert(30), create_vm(40, fd=11)
    )
    first, second, third = run.sink.named()
    assert first.ended == (10, False)
    assert len(first.conversions) == 0
    assert (second.identity.vm_fd, third.identity.vm_fd) == (VM_FD, 11)


def test_pid_used_again_ends_vms_whose_process_was_not_seen_to_exit() -> None:
    run = Live().tell(create_vm(1), started(20, PID), create_vm(40))
    assert [vm.ended for vm in run.sink.named()] == [(20, True), None]


def test_new_thread_of_the_process_ends_nothing() -> None:
    run = Live().tell(create_vm(1), started(20, VCPU_THREAD, CLONE_THREAD, parent=PID), convert(30))
    assert run.vm.ended is None


def test_vms_of_several_processes_with_one_name_are_told_apart_by_pid() -> None:
    run = Live(lambda pid: VmmFacts(pid, 1000 + pid, "qemu"))
    run.tell(create_vm(1, pid=12))
    assert [vm.identity.name for vm in run.sink.named()] == ["qemu"]
    run.tell(create_vm(2, pid=13), create_vm(3, fd=11, pid=13))
    assert [vm.identity.name for vm in run.sink.named()] == [
        "qemu (pid 12)",
        "qemu (pid 13) vm fd 9",
        "qemu (pid 13) vm fd 11",
    ]


def test_vms_of_one_process_are_told_apart_by_fd_while_the_recording_goes_on() -> None:
    run = Live(lambda pid: VmmFacts(pid, 7, "qemu", "db")).tell(create_vm(1), create_vm(2, fd=11))
    assert [vm.identity.name for vm in run.sink.named()] == ["db vm fd 9", "db vm fd 11"]
    run.tell(close(10, 11), create_vm(20, fd=11))
    assert [vm.identity.name for vm in run.sink.named()][2] == "db vm fd 11 #2"


def test_several_vms_of_a_process_have_vcpus_of_their_own() -> None:
    other = call(3, CallCode.CREATE_VCPU, 11, 7, ret=31)
    run = Live().tell(
        create_vm(1),
        create_vm(2, fd=11),
        other,
        create_vcpu(4, 1),
        run_vcpu(5),
        run_vcpu(6, fd=31, tid=72),
        convert(10, tid=VCPU_THREAD),
        convert(11, tid=72, fd=11),
    )
    first, second = run.sink.named()
    assert (vcpus(first.events), vcpus(second.events)) == ([1], [7])
    assert ranges(first.conversions) == [(10, 1, 1)]


def test_many_forks_elsewhere_do_not_matter() -> None:
    forks = [
        one for i in range(500) for one in (started(100 + i, 5000 + i), exited(100 + i, 5000 + i))
    ]
    run = Live().tell(create_vm(1), *forks, convert(1000))
    assert np.array_equal(run.vm.conversions["t"], [1000])
