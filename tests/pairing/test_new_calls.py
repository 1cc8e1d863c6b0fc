"""Pairing of what came with live recording: in-place conversions, regions, the page cache."""

import numpy as np
import pytest

from app.model.guest import Cause
from collector.codes import SAW_ENTER, SAW_EXIT, SAW_STRUCT, CallCode, RecordCode
from collector.kvm import uapi
from collector.pairing import SyscallTracker
from collector.records import CallArray, RecordArray
from tests.assemble.record_streams import record

SET_ATTRIBUTES, SET_ATTRIBUTES2 = uapi.KVM_SET_MEMORY_ATTRIBUTES, uapi.KVM_SET_MEMORY_ATTRIBUTES2
REGISTER, KVM_RUN = uapi.KVM_MEMORY_ENCRYPT_REG_REGION, uapi.KVM_RUN
UNREGISTER = uapi.KVM_MEMORY_ENCRYPT_UNREG_REGION
EAGAIN = 11


def paired(*records: RecordArray) -> CallArray:
    pairing = SyscallTracker()
    return np.concatenate((pairing.add(np.concatenate(records)), pairing.finish()))


def entered(ts: int, fd: int, cmd: int) -> RecordArray:
    return record(ts, 1, RecordCode.IOCTL_ENTER, fd, cmd, 0)


def left(ts: int, ret: int = 0) -> RecordArray:
    return record(ts, 1, RecordCode.IOCTL_EXIT, ret)


def read_attributes(ts: int, fd: int, cmd: int = 0) -> RecordArray:
    return record(ts, 1, RecordCode.USER_SET_ATTRIBUTES, fd, 0x2000, 0x1000, 8, 0, cmd)


def read_region(ts: int, fd: int, cmd: int = 0) -> RecordArray:
    return record(ts, 1, RecordCode.USER_ENC_REGION, fd, 0x5000, 0x3000, cmd)


def summary(call: np.void) -> tuple[int, int, int, list[int]]:
    return int(call["code"]), int(call["fd"]), int(call["ret"]), call["v"][:3].tolist()


def test_close_range_is_paired_with_its_return() -> None:
    (call,) = paired(
        record(10, 1, RecordCode.CLOSE_RANGE_ENTER, 3, 0xFFFFFFFF, 0),
        record(12, 1, RecordCode.CLOSE_RANGE_EXIT, 0),
    )
    assert summary(call) == (CallCode.CLOSE_RANGE, 3, 0, [0xFFFFFFFF, 0, 0])
    assert (call["ts_exit"], call["cause"]) == (12, Cause.NONE)


@pytest.mark.parametrize(
    "on_the_way_in",
    [
        [entered(10, 6, SET_ATTRIBUTES2), read_attributes(10, 6)],
        [read_attributes(10, 6), entered(10, 6, SET_ATTRIBUTES2)],
        [read_attributes(10, 6, SET_ATTRIBUTES2)],
        [entered(10, 6, SET_ATTRIBUTES2), read_attributes(10, 6, SET_ATTRIBUTES2)],
    ],
)
def test_in_place_conversion_is_told_by_its_command_wherever_it_is_read(
    on_the_way_in: list[RecordArray],
) -> None:
    (call,) = paired(*on_the_way_in, left(15, -EAGAIN))
    assert summary(call) == (CallCode.SET_ATTRIBUTES2, 6, -EAGAIN, [0x2000, 0x1000, 8])
    assert call["flags"] == SAW_ENTER | SAW_EXIT | SAW_STRUCT


def test_struct_of_another_file_does_not_become_an_in_place_conversion() -> None:
    first, second = paired(read_attributes(10, 5), entered(12, 6, SET_ATTRIBUTES2), left(15))
    assert (first["code"], first["fd"]) == (CallCode.SET_ATTRIBUTES, 5)
    assert (second["code"], second["fd"]) == (CallCode.SET_ATTRIBUTES2, 6)
    assert not second["flags"] & SAW_STRUCT


@pytest.mark.parametrize(
    ("cmd", "code"),
    [(REGISTER, CallCode.REGISTER_REGION), (UNREGISTER, CallCode.UNREGISTER_REGION)],
)
@pytest.mark.parametrize("is_probe_first", [False, True])
def test_region_that_a_probe_read_is_what_the_command_says(
    cmd: int, code: CallCode, is_probe_first: bool
) -> None:
    way_in = [entered(10, 5, cmd), read_region(10, 5)]
    (call,) = paired(*(way_in[::-1] if is_probe_first else way_in), left(15))
    assert summary(call) == (code, 5, 0, [0x5000, 0x3000, 0])


def test_region_of_an_unknown_command_is_nothing_that_can_be_told() -> None:
    assert len(paired(read_region(10, 5), left(15))) == 0


def test_kprobe_reads_regions_too() -> None:
    (call,) = paired(
        record(10, 1, RecordCode.VM_IOCTL, 0xFFA0, UNREGISTER, 0x5000, 0x3000),
        record(15, 1, RecordCode.VM_IOCTL_RETURN, 0),
    )
    assert summary(call) == (CallCode.UNREGISTER_REGION, -1, 0, [0x5000, 0x3000, 0])
    assert call["kvm"] == 0xFFA0


def test_guest_that_asked_is_the_cause_of_what_follows_in_place() -> None:
    pairing = SyscallTracker()
    pairing.expect_userspace_exits()
    records = [
        record(1, 1, RecordCode.USERSPACE_EXIT, 39, -14),
        entered(10, 6, SET_ATTRIBUTES2),
        read_attributes(10, 6),
        left(15),
    ]
    calls = pairing.add(np.concatenate(records))
    assert calls["cause"][calls["code"] == CallCode.SET_ATTRIBUTES2].tolist() == [Cause.IMPLICIT]


def test_thread_that_runs_a_vcpu_says_so_once() -> None:
    runs = [entered(ts, fd, KVM_RUN) for ts, fd in ((1, 7), (3, 7), (5, 8))]
    exits = [left(ts) for ts in (2, 4, 6)]
    records = [row for pair in zip(runs, exits, strict=True) for row in pair]
    calls = paired(*records)
    assert calls["code"].tolist() == [CallCode.VCPU_RUN, CallCode.VCPU_RUN]
    assert calls["fd"].tolist() == [7, 8]


def test_page_cache_records_tell_inode_and_place() -> None:
    calls = paired(
        record(1, 1, RecordCode.PAGE_CACHE_ADD, 0xABC, 77, 5, 0x10, 0),
        record(2, 1, RecordCode.PAGE_CACHE_DELETE, 0xABC, 77, 6, 0x10, 9),
    )
    assert calls["code"].tolist() == [CallCode.PAGE_CACHE_ADD, CallCode.PAGE_CACHE_DELETE]
    assert calls["v"][:, :4].tolist() == [[77, 5, 0x10, 0], [77, 6, 0x10, 9]]
