"""Which VM: fd numbers and kernel addresses that are used again, duplicates, ends."""

import numpy as np

from app.model.guest import KVM_MEM_GUEST_MEMFD, Backing, Certainty, PageState
from collector.codes import HAS_GMEM, RecordCode
from collector.kvm.uapi import CLONE_THREAD, KVM_CREATE_VM
from collector.records import RecordArray
from collector.vm_inventory import VmmFacts
from tests.assemble.memory_sink import MemorySink
from tests.assemble.record_streams import assembled, record

CREATE_VM, GMEM_FLAG = KVM_CREATE_VM, KVM_MEM_GUEST_MEMFD
Records = list[RecordArray]


def ioctl(ts: int, fd: int, cmd: int, ret: int, tid: int = 1) -> Records:
    return [
        record(ts, tid, RecordCode.IOCTL_ENTER, fd, cmd, 0),
        record(ts + 5, tid, RecordCode.IOCTL_EXIT, ret),
    ]


def region(
    ts: int, slot: int, gpa: int, size: int, hva: int, *, fd: int = 5, gmem: int | None = None
) -> Records:
    flags = 0 if gmem is None else GMEM_FLAG
    arguments = (fd, slot | flags << 32, gpa, size, hva, 0, -1 if gmem is None else gmem)
    return [
        record(ts, 1, RecordCode.USER_REGION, *arguments, flags=HAS_GMEM),
        record(ts + 5, 1, RecordCode.IOCTL_EXIT, 0),
    ]


def kernel_region(ts: int, kvm: int, slot: int, gpa: int, size: int, hva: int) -> Records:
    return [
        record(ts, 1, RecordCode.SET_MEMSLOT, kvm, slot, gpa, size, hva, 0, 0),
        record(ts + 5, 1, RecordCode.SET_MEMSLOT_RETURN, 0),
    ]


def returned(ts: int, fd: int) -> Records:
    """An ioctl whose entry was not recorded."""
    return [record(ts, 1, RecordCode.IOCTL_EXIT, fd)]


def converted(ts: int, fd: int = 5, tid: int = 1) -> Records:
    return [
        record(ts, tid, RecordCode.USER_SET_ATTRIBUTES, fd, 0x1000, 0x1000, 8, 0),
        record(ts + 5, tid, RecordCode.IOCTL_EXIT, 0),
    ]


def closed(ts: int, fd: int, tid: int = 1) -> Records:
    return [
        record(ts, tid, RecordCode.CLOSE_ENTER, fd),
        record(ts + 5, tid, RecordCode.CLOSE_EXIT, 0),
    ]


def duplicated(ts: int, fd: int, copy: int) -> Records:
    return [
        record(ts, 1, RecordCode.DUP_ENTER, fd),
        record(ts + 1, 1, RecordCode.DUP_EXIT, copy),
    ]


def told(*parts: Records) -> MemorySink:
    return assembled(np.concatenate([row for part in parts for row in part]))


def counts(sink: MemorySink) -> list[int]:
    return [len(vm.conversions) for vm in sink.named()]


def test_create_vm_that_returns_a_known_fd_ends_the_old_vm() -> None:
    sink = told(
        ioctl(10, 4, CREATE_VM, 5), converted(20), ioctl(30, 4, CREATE_VM, 5), converted(40)
    )
    assert counts(sink) == [1, 1]
    assert sink.vms[0].ended == (25, True)
    assert sink.vms[1].identity.created_t == 25
    assert sink.vms[1].ended is None


def test_close_ends_a_vm_once_no_duplicate_is_left() -> None:
    sink = told(
        ioctl(1, 4, CREATE_VM, 5),
        duplicated(15, 5, 9),
        closed(20, 5),
        converted(30, fd=9),
        closed(40, 9),
    )
    assert counts(sink) == [1]
    assert sink.vms[0].ended == (44, False)


def test_a_thread_of_the_process_closes_its_files() -> None:
    sink = told(
        [record(0, 1, RecordCode.NEW_TASK, 2, CLONE_THREAD)],
        ioctl(1, 4, CREATE_VM, 5),
        duplicated(15, 5, 9),
        converted(20, tid=2),
        closed(30, 9, tid=2),
        closed(40, 5, tid=2),
    )
    assert sink.vms[0].ended == (45, False)


def test_a_thread_that_may_be_another_processs_closes_nothing() -> None:
    sink = told(ioctl(1, 4, CREATE_VM, 5), converted(20, tid=2), closed(40, 5, tid=2))
    (vm,) = sink.vms
    assert vm.ended is None
    assert vm.identity.may_be_several


def test_closing_other_files_does_not_divide_the_flood() -> None:
    """Whoever records closes records those of the whole host: they must cost next to nothing."""
    closes = [closed(100 * i + 50, 5 + i % 3, tid=3) for i in range(1, 300)]
    conversions = [converted(100 * i) for i in range(1, 300)]
    parts = [part for pair in zip(conversions, closes, strict=True) for part in pair]
    (vm,) = told(ioctl(1, 4, CREATE_VM, 5), *parts).vms
    assert len(vm.conversions) == 299
    assert vm.ended is None
    assert len(vm.batches) < 5


def test_closing_the_same_number_in_another_process_does_not_divide_the_flood() -> None:
    """Low numbers are everybody's: a VM's fd is closed somewhere on the host all the time."""
    processes = [record(i, 99, RecordCode.NEW_TASK, child, 0) for i, child in enumerate((1, 3))]
    closes = [closed(100 * i + 50, 5, tid=3) for i in range(1, 300)]
    conversions = [converted(100 * i) for i in range(1, 300)]
    parts = [part for pair in zip(conversions, closes, strict=True) for part in pair]
    (vm,) = told(processes, ioctl(4, 4, CREATE_VM, 5), *parts).vms
    assert len(vm.conversions) == 299
    assert vm.ended is None
    assert len(vm.batches) < 5


def test_fd_that_an_ioctl_returned_again_is_a_new_vm_if_its_memslots_prove_it() -> None:
    sink = told(
        returned(100_000, 5),
        region(200_000, 0, 0, 0x10000, 0x7000_0000),
        returned(300_000, 5),
        converted(350_000),
        region(400_000, 0, 0, 0x10000, 0x9000_0000),
        converted(500_000),
    )
    assert counts(sink) == [0, 2]
    assert sink.vms[0].ended == (200_000, True)
    assert sink.vms[1].identity.created_certainty == Certainty.INFERRED
    assert sink.vms[1].identity.start_state == PageState.SHARED


def test_ioctl_that_returned_the_number_of_the_fd_by_chance_changes_nothing() -> None:
    sink = told(
        returned(100_000, 5),
        region(200_000, 0, 0, 0x10000, 0x7000_0000),
        returned(300_000, 5),
        converted(350_000),
        region(400_000, 0, 0, 0, 0),
        converted(500_000),
    )
    assert counts(sink) == [2]
    assert sink.vms[0].ended is None
    assert [end for _, end in sink.vms[0].memslots] == [300_005]


def test_address_of_a_freed_vm_that_is_used_again() -> None:
    kvm = 0xFFA0000000522000
    sink = told(
        kernel_region(10, kvm, 0, 0, 0x10000, 0x7000_0000),
        kernel_region(20, kvm, 1, 0x10000, 0x10000, 0x7100_0000),
        kernel_region(30, kvm, 1, 0x10000, 0, 0),
        kernel_region(40, kvm, 0, 0, 0x10000, 0x9000_0000),
    )
    # The first VM was there before the recording, for all we know: slots may have gone unseen.
    assert len(sink.named()) == 1
    assert [slot.userspace_addr for slot, _ in sink.vms[0].memslots] == [
        0x7000_0000,
        0x7100_0000,
        0x9000_0000,
    ]


def test_identical_memslot_call_does_not_split_its_lifetime() -> None:
    sink = told(
        ioctl(1, 4, CREATE_VM, 5),
        region(10, 0, 0, 0x10000, 0x7000_0000),
        region(20, 0, 0, 0x10000, 0x7000_0000),
    )
    assert [(slot.from_t, end) for slot, end in sink.vms[0].memslots] == [(14, None)]


def test_guest_memfd_that_can_be_mapped_backs_both_halves() -> None:
    create = [
        record(10, 1, RecordCode.USER_GUEST_MEMFD, 5, 0x20000, 1),
        record(15, 1, RecordCode.IOCTL_EXIT, 6),
    ]
    sink = told(
        ioctl(1, 4, CREATE_VM, 5),
        create,
        region(20, 0, 0, 0x10000, 0x7000_0000, gmem=6),
        region(30, 1, 0x10000, 0x10000, 0x7100_0000, gmem=9),
    )
    backings = [(slot.backing, slot.backing_certainty) for slot, _ in sink.vms[0].memslots]
    # fd 9 was never made: KVM takes only this VM's guest_memfds, so it is a duplicate of fd 6.
    assert backings == [(Backing.GMEM, Certainty.SEEN), (Backing.GMEM, Certainty.INFERRED)]


def test_thousands_of_memslot_calls_between_conversions() -> None:
    parts: list[Records] = [ioctl(1, 4, CREATE_VM, 5)]
    for i in range(3000):
        at, gpa = 100 * (i + 1), 0x10000 * i
        parts += [region(at, i, gpa, 0x10000, 0x7000_0000 + gpa), converted(at + 20)]
        parts += [region(at + 40, i - 1, gpa - 0x10000, 0, 0)] if i % 3 == 2 else []
    (vm,) = told(*parts).vms
    assert len(vm.memslots) == 3000
    assert sum(end is not None for _, end in vm.memslots) == 1000
    assert len(vm.conversions) == 3000


def test_vmm_is_asked_once_what_it_is_and_names_its_vms() -> None:
    asked = []

    def vmm_of(pid: int) -> VmmFacts | None:
        asked.append(pid)
        return VmmFacts(pid, 77_000, "qemu-system-x86", "db-1", "2b2c-uuid")

    records = [
        *ioctl(1, 4, CREATE_VM, 5),
        *converted(20),
        *ioctl(30, 4, CREATE_VM, 6),
        *ioctl(40, 4, CREATE_VM, 7, tid=2),
    ]
    sink = assembled(np.concatenate(records), {1: "comm"}, vmm_of=vmm_of)
    assert asked == [1, 2]
    first = sink.vms[0].identity
    assert (first.process_start_ns, first.uuid) == (77_000, "2b2c-uuid")
    assert first.name.startswith("db-1")


def test_vm_of_a_process_that_is_gone_keeps_the_name_of_its_thread() -> None:
    records = np.concatenate(ioctl(1, 4, CREATE_VM, 5))
    (vm,) = assembled(records, {1: "comm"}, vmm_of=lambda _: None).vms
    assert (vm.identity.name, vm.identity.process_start_ns, vm.identity.uuid) == (
        "comm",
        None,
        None,
    )
