"""Which exit belongs to which entry, and when that cannot be told."""

from collections.abc import Sequence

import numpy as np
import pytest

from app.model.guest import Cause, Certainty
from collector.codes import SAW_EXIT, SAW_RANGE_BY_REQUEST, SAW_STRUCT, CallCode, RecordCode
from collector.kvm import uapi
from collector.pairing import SyscallTracker, _syscall_tracker as pairing
from collector.records import CallArray, RecordArray
from tests.assemble.record_streams import record

SET_ATTRIBUTES, KVM_RUN = uapi.KVM_SET_MEMORY_ATTRIBUTES, uapi.KVM_RUN
CREATE_VM = uapi.KVM_CREATE_VM
PRIVATE = 8


def paired(*records: RecordArray, batch: int = 1 << 16) -> CallArray:
    stream = np.concatenate(records)
    under_test = SyscallTracker()
    parts = [under_test.add(stream[at : at + batch].copy()) for at in range(0, len(stream), batch)]
    return np.concatenate([*parts, under_test.finish()])


def enter(ts: int, tid: int = 1, cmd: int = SET_ATTRIBUTES, cpu: int = 0) -> RecordArray:
    return record(ts, tid, RecordCode.IOCTL_ENTER, 5, cmd, 0, cpu=cpu)


def leave(ts: int, tid: int = 1, ret: int = 0, cpu: int = 0) -> RecordArray:
    return record(ts, tid, RecordCode.IOCTL_EXIT, ret, cpu=cpu)


def probe(ts: int, *struct: int, tid: int = 1) -> RecordArray:
    return record(ts, tid, RecordCode.USER_SET_ATTRIBUTES, 5, *struct)


def gap(begin: int, end: int, cpu: int = 0) -> tuple[RecordArray, RecordArray]:
    return (
        record(begin, 0, RecordCode.LOSS_BEGIN, 3, end, cpu=cpu),
        record(end, 0, RecordCode.LOSS_END, 3, begin, cpu=cpu),
    )


def conversions(calls: CallArray) -> CallArray:
    return calls[calls["code"] == CallCode.SET_ATTRIBUTES]


def confirmed(calls: CallArray) -> Sequence[bool]:
    answer: list[bool] = (conversions(calls)["flags"] & SAW_EXIT != 0).tolist()
    return answer


def test_exit_closes_the_call_of_its_thread() -> None:
    calls = paired(enter(10), enter(11, tid=2), leave(20, tid=2, ret=-22), leave(30))
    assert calls["tid"].tolist() == [2, 1]
    assert calls["ret"].tolist() == [-22, 0]
    assert calls["ts_exit"].tolist() == [20, 30]


def test_entry_during_a_call_makes_the_first_an_orphan() -> None:
    calls = paired(enter(10), enter(20), leave(30))
    assert calls["ts_enter"].tolist() == [10, 20]
    assert confirmed(calls) == [False, True]


def test_call_without_exit_is_unconfirmed_at_its_entry() -> None:
    calls = paired(enter(10), enter(11, tid=2), leave(12, tid=2))
    assert calls["tid"].tolist() == [1, 2]
    assert confirmed(calls) == [False, True]


def test_exit_without_entry_is_kept_only_if_it_may_be_an_fd() -> None:
    before = (enter(5), leave(6))
    calls = paired(*before, leave(10, ret=0), leave(20, ret=7), leave(30_000_000, ret=-4))[1:]
    assert calls["code"].tolist() == [CallCode.UNKNOWN_IOCTL]
    assert calls["ret"].tolist() == [7]


def test_exit_seen_by_a_tracepoint_and_a_probe_is_one_exit() -> None:
    calls = paired(enter(10, cmd=CREATE_VM), leave(20, ret=7), leave(21, ret=7))
    assert calls["code"].tolist() == [CallCode.CREATE_VM]


def test_exit_after_a_loss_on_that_cpu_is_not_trusted() -> None:
    begin, end = gap(15, 25)
    assert confirmed(paired(enter(10), begin, end, leave(30))) == [False]


def test_loss_on_another_cpu_does_not_matter_to_a_thread_that_stayed() -> None:
    begin, end = gap(15, 25, cpu=1)
    assert confirmed(paired(enter(10), begin, end, leave(30))) == [True]


def test_loss_anywhere_matters_to_a_thread_that_moved() -> None:
    begin, end = gap(15, 25, cpu=2)
    assert confirmed(paired(enter(10), begin, end, leave(30, cpu=1))) == [False]


def test_loss_before_the_entry_does_not_matter() -> None:
    begin, end = gap(5, 10)
    assert confirmed(paired(begin, end, enter(10), leave(30))) == [True]


def test_struct_is_read_by_a_probe_in_either_order() -> None:
    struct = (0x1000, 0x2000, PRIVATE, 0)
    for records in ((enter(10), probe(10, *struct)), (probe(10, *struct), enter(10))):
        (call,) = conversions(paired(*records, leave(20)))
        assert call["flags"] & SAW_STRUCT
        assert call["v"][:4].tolist() == list(struct)


def test_two_probes_that_read_different_things_are_not_believed() -> None:
    below = record(11, 1, RecordCode.VM_IOCTL, 0xABC, SET_ATTRIBUTES, 0x9000, 0x2000, PRIVATE, 0)
    (call,) = conversions(paired(probe(10, 0x1000, 0x2000, PRIVATE, 0), below, leave(20)))
    assert not call["flags"] & SAW_STRUCT
    assert call["kvm"] == 0xABC


def test_return_from_below_confirms_a_call_whose_exit_is_missing() -> None:
    below = record(11, 1, RecordCode.VM_IOCTL, 0xABC, SET_ATTRIBUTES, 0x1000, 0x1000, 0, 0)
    back = record(12, 1, RecordCode.VM_IOCTL_RETURN, -22 & (2**64 - 1))
    calls = paired(enter(10), below, back, enter(50), leave(60))
    assert confirmed(calls) == [True, True]
    assert calls["ret"].tolist() == [-22, 0]


def hypercall(ts: int, npages: int, a2: int, gpa: int = 0x200000) -> RecordArray:
    return record(ts, 1, RecordCode.HYPERCALL, 12, gpa, npages, a2, 0)


def exit_to_user(ts: int, reason: int, errno: int = 0) -> RecordArray:
    return record(ts, 1, RecordCode.USERSPACE_EXIT, reason, errno)


def test_hypercall_gives_cause_range_and_direction() -> None:
    calls = paired(hypercall(1, 4, 0x10), exit_to_user(2, 3), enter(10), leave(20))
    (call,) = conversions(calls)
    assert (call["cause"], call["cause_certainty"]) == (Cause.EXPLICIT, Certainty.SEEN)
    assert call["flags"] & SAW_RANGE_BY_REQUEST
    assert call["v"][:3].tolist() == [0x200000, 0x4000, PRIVATE]


def test_second_conversion_after_one_hypercall_has_no_range() -> None:
    calls = paired(
        hypercall(1, 4, 0x10), exit_to_user(2, 3), enter(10), leave(20), enter(30), leave(40)
    )
    first, second = conversions(calls)
    assert first["flags"] & SAW_RANGE_BY_REQUEST
    assert not second["flags"] & SAW_RANGE_BY_REQUEST
    assert second["cause"] == Cause.EXPLICIT


def test_hypercall_that_kvm_refused_asks_for_nothing() -> None:
    calls = paired(
        hypercall(1, 0, 0x10), hypercall(2, 1, 0x10, 0x64), exit_to_user(3, 5), enter(10), leave(20)
    )
    (call,) = conversions(calls)
    assert call["cause"] == Cause.VMM
    assert not call["flags"] & SAW_RANGE_BY_REQUEST


@pytest.mark.parametrize("a2", [1, 3, 5, 7, 0x20, 0x100])
def test_flags_that_are_not_mapgpas_give_no_direction(a2: int) -> None:
    calls = paired(hypercall(1, 1, a2), exit_to_user(2, 3), enter(10), leave(20))
    (call,) = conversions(calls)
    assert call["v"][0] == 0x200000
    assert call["v"][2] == 2**64 - 1


def test_hint_of_2m_says_nothing_until_the_encrypted_bit_was_seen() -> None:
    first = (hypercall(1, 512, 1), exit_to_user(2, 3), enter(10), leave(20))
    second = (hypercall(31, 512, 0x11), exit_to_user(32, 3), enter(40), leave(50))
    third = (hypercall(61, 512, 1), exit_to_user(62, 3), enter(70), leave(80))
    masks = conversions(paired(*first, *second, *third))["v"][:, 2].tolist()
    assert masks == [2**64 - 1, PRIVATE, 0]


def test_memory_fault_tells_the_page_but_not_the_direction() -> None:
    touched = record(1, 1, RecordCode.PAGE_FAULT, 3, 0, 0x7123, 0)
    calls = paired(touched, exit_to_user(2, 39, -14), enter(10), leave(20))
    (call,) = conversions(calls)
    assert (call["cause"], call["vcpu"]) == (Cause.IMPLICIT, 3)
    assert call["v"][:3].tolist() == [0x7000, 0x1000, 2**64 - 1]


def test_next_kvm_run_ends_a_request() -> None:
    calls = paired(
        hypercall(1, 4, 0x10),
        exit_to_user(2, 3),
        enter(5, cmd=KVM_RUN),
        leave(8),
        enter(10),
        leave(20),
    )
    (call,) = conversions(calls)
    assert call["cause"] == Cause.VMM
    assert not call["flags"] & SAW_RANGE_BY_REQUEST


def test_cause_is_open_while_no_exit_was_ever_recorded() -> None:
    (call,) = conversions(paired(enter(10), leave(20)))
    assert (call["cause"], call["cause_certainty"]) == (Cause.NONE, Certainty.UNKNOWN)


def test_call_that_never_returns_does_not_hold_back_all_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pairing, "MOST_HELD_CALLS", 100)
    others = [r for i in range(200) for r in (enter(20 + 10 * i, tid=2), leave(25 + 10 * i, tid=2))]
    under_test = SyscallTracker()
    ready = under_test.add(np.concatenate([enter(10), *others]))
    assert len(ready) == 201
    assert confirmed(ready) == [False] + 200 * [True]
    assert len(under_test.add(leave(9000))) == 0


def test_many_threads_are_told_apart() -> None:
    tids = range(1, 20_000, 7)
    records = [enter(100 + i, tid=tid) for i, tid in enumerate(tids)]
    records += [leave(10_000 + i, tid=tid, ret=-i) for i, tid in enumerate(tids)]
    calls = paired(*records, batch=500)
    assert calls["tid"].tolist() == list(tids)
    assert calls["ret"].tolist() == [-i for i in range(len(tids))]


def test_live_call_that_does_not_return_is_given_up_in_order() -> None:
    live = SyscallTracker()
    assert len(live.add(np.concatenate((enter(10), enter(20, tid=2), leave(25, tid=2))))) == 0
    assert live.open_since == 10
    assert len(live.give_up(before=10)) == 0
    calls = live.give_up(before=11)
    assert calls["tid"].tolist() == [1, 2]
    assert confirmed(calls) == [False, True]
    assert len(live.add(leave(40))) == len(live.finish()) == 0
