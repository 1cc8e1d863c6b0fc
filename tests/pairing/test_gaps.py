"""What is still certain of a thread, and of its calls, after a gap or at the recording's begin."""

import numpy as np
import pytest

from app.model.guest import Cause, Certainty, EventKind
from collector.codes import SAW_RANGE_BY_REQUEST, CallCode, RecordCode
from collector.pairing import SyscallTracker, _state as pairing_state
from collector.records import CallArray, RecordArray
from tests.assemble.record_streams import assembled, record
from tests.pairing.test_syscall_tracker import (
    CREATE_VM,
    KVM_RUN,
    conversions,
    enter,
    exit_to_user,
    gap,
    hypercall,
    leave,
    paired,
    probe,
)

VMM_SEEN, VMM_INFERRED = (Cause.VMM, Certainty.SEEN), (Cause.VMM, Certainty.INFERRED)


def causes(calls: CallArray) -> list[tuple[int, int]]:
    found = conversions(calls)
    return list(zip(found["cause"].tolist(), found["cause_certainty"].tolist(), strict=True))


def test_cause_of_a_threads_first_conversion_may_lie_before_the_recording() -> None:
    other = record(1, 2, RecordCode.USERSPACE_EXIT, 5, 0)
    first = (enter(10), leave(20), enter(30), leave(40))
    later = (enter(50, cmd=KVM_RUN), exit_to_user(55, 5), leave(58), enter(60), leave(70))
    assert causes(paired(other, *first, *later)) == [VMM_INFERRED, VMM_INFERRED, VMM_SEEN]


def test_cause_across_a_gap_of_any_cpu_is_not_seen() -> None:
    asked = (hypercall(1, 4, 0x10), exit_to_user(2, 3))
    calls = paired(*asked, *gap(4, 6, cpu=1), enter(10), leave(20))
    assert causes(calls) == [(Cause.EXPLICIT, Certainty.INFERRED)]
    assert not conversions(calls)["flags"][0] & SAW_RANGE_BY_REQUEST


def test_cause_within_a_gap_of_any_cpu_is_not_seen() -> None:
    begin, end = gap(1, 50, cpu=1)
    calls = paired(begin, hypercall(4, 4, 0x10), exit_to_user(5, 3), enter(10), leave(20), end)
    assert causes(calls) == [(Cause.EXPLICIT, Certainty.INFERRED)]


def test_vmms_own_conversion_after_a_gap_is_inferred_until_the_guest_ran() -> None:
    known = (exit_to_user(1, 5), enter(2), leave(3))
    after = (enter(10), leave(20), exit_to_user(25, 5), enter(30), leave(40))
    calls = paired(*known, *gap(4, 6), *after)
    assert causes(calls) == [VMM_SEEN, VMM_INFERRED, VMM_SEEN]


def test_vcpu_is_told_anew_after_a_gap() -> None:
    run = (enter(1, cmd=KVM_RUN), leave(2), enter(3, cmd=KVM_RUN), leave(4))
    again = (enter(11, cmd=KVM_RUN), leave(12))
    calls = paired(*run, *gap(5, 8), *again)
    assert (calls["code"] == CallCode.VCPU_RUN).sum() == 2


def test_vcpu_of_a_thread_is_not_that_of_before_a_gap() -> None:
    touched = record(1, 1, RecordCode.PAGE_FAULT, 3, 0, 0x7123, 0)
    calls = paired(touched, *gap(2, 3), exit_to_user(4, 39, -14), enter(10), leave(20))
    (call,) = conversions(calls)
    assert (call["cause"], call["vcpu"]) == (Cause.IMPLICIT, -1)
    assert not call["flags"] & SAW_RANGE_BY_REQUEST


def late(calls: CallArray) -> list[int]:
    times: list[int] = calls["ts_exit"][calls["code"] == CallCode.LATE_RETURN].tolist()
    return times


KNOWN = (enter(1), leave(2))


def test_return_whose_entry_a_gap_swallowed_may_have_changed_something_since() -> None:
    calls = paired(*KNOWN, *gap(5, 10), enter(12, tid=2), leave(14, tid=2), leave(30))
    assert late(calls) == [10, 30]
    codes = calls["code"].tolist()
    assert codes.index(CallCode.LATE_RETURN) == codes.index(CallCode.LOSS_END) + 1


@pytest.mark.parametrize(
    "after",
    [
        (leave(30, ret=-22),),  # refused
        (exit_to_user(25, 5), leave(30)),  # that of KVM_RUN
        (enter(20), leave(30)),
        (enter(20), leave(25), leave(30)),
    ],
)
def test_return_that_is_explained_changed_nothing_unseen(after: tuple[RecordArray, ...]) -> None:
    assert late(paired(*KNOWN, *gap(5, 10), *after)) == []


def test_return_that_no_longer_belongs_to_its_entry_may_be_of_a_lost_call() -> None:
    assert late(paired(enter(1), *gap(5, 10), leave(30))) == [10, 30]


def test_calls_after_a_gap_wait_for_late_returns() -> None:
    live = SyscallTracker()
    others = (enter(12, tid=2), leave(14, tid=2))
    given = live.add(np.concatenate((*KNOWN, *gap(5, 10), *others)))
    assert given["ts_exit"].tolist() == [2, 5]
    assert live.open_since == 10
    assert late(live.add(leave(30))) == []
    settled = live.add(leave(10 + pairing_state.IN_FLIGHT_NS, tid=2))
    assert settled["ts_exit"].tolist() == [10, 10, 14, 30]


def test_quiet_after_a_gap_does_not_hold_calls_for_ever() -> None:
    live = SyscallTracker()
    live.add(np.concatenate((*KNOWN, *gap(5, 10), enter(12, tid=2), leave(14, tid=2))))
    assert live.give_up(before=11)["ts_exit"].tolist() == [10, 14]


def test_what_comes_too_late_is_placed_after_what_was_given() -> None:
    live = SyscallTracker()
    live.add(np.concatenate((*KNOWN, *gap(5, 10), enter(12, tid=2), leave(14, tid=2))))
    live.give_up(before=11)
    assert late(np.concatenate((live.add(leave(30)), live.finish()))) == [14, 30]


def vm_created(ts: int) -> tuple[RecordArray, ...]:
    return (enter(ts, cmd=CREATE_VM), leave(ts + 1, ret=5))


def converted(ts: int) -> tuple[RecordArray, ...]:
    return (enter(ts), probe(ts, 0x1000, 0x2000, 8, 0), leave(ts + 5))


def test_vm_that_came_to_be_within_a_gap_is_told_of_the_gap() -> None:
    begin, end = gap(5, 90, cpu=1)
    stream = (exit_to_user(1, 5), begin, *vm_created(10), *converted(20), end)
    (vm,) = assembled(np.concatenate(stream)).named()
    kinds = vm.events["kind"].tolist()
    assert kinds == [EventKind.LOSS_BEGIN, EventKind.CONVERSION, EventKind.LOSS_END]


def test_late_return_is_a_loss_to_vms_of_before_the_gap_only() -> None:
    stream = (*vm_created(1), *converted(10), *gap(20, 30), leave(50), *converted(60))
    (vm,) = assembled(np.concatenate(stream)).named()
    marks = [EventKind.LOSS_BEGIN, EventKind.LOSS_END]
    expected = [EventKind.CONVERSION, *marks, *marks, EventKind.CONVERSION]
    assert vm.events["kind"].tolist() == expected


def test_no_request_is_missed_of_a_vm_that_came_to_be_in_view() -> None:
    exits = record(5, 7, RecordCode.USERSPACE_EXIT, 5, 0)
    stream = np.concatenate((*vm_created(1), exits, *converted(10)))
    (vm,) = assembled(stream).named()
    assert vm.conversions["cause_certainty"].tolist() == [Certainty.SEEN]
    (vm,) = assembled(np.concatenate((exits, *converted(10)))).named()
    assert vm.conversions["cause_certainty"].tolist() == [Certainty.INFERRED]
