"""The kernel's VMs: recorded ones, put back as structures, are read as they were."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.model.guest import PageState
from collector.capture.kernel_memory import KernelUnreadableError, kernel_vms
from collector.vm_inventory import FoundMemfd, FoundPopulation
from tests.capture import fake_kernel as fake
from tests.capture.fake_kernel import Kernel, Number, Struct

RECORDED = json.loads((Path(__file__).parent / "kernel_vms.json").read_text())
"""What drgn read on a 6.12 host with software-protected VMs of two programs."""

MEMFD_SIZE = 24 << 20
GMEM_ONLY = 1 << 17


@pytest.fixture(autouse=True)
def _drgn(monkeypatch: pytest.MonkeyPatch) -> None:
    fake.installed(monkeypatch)


def kernel_of(recorded: list[dict[str, Any]]) -> Kernel:
    kernel = Kernel()
    for one in recorded:
        kernel.vms.append(vm_of(kernel, one))
    return kernel


def vm_of(kernel: Kernel, one: dict[str, Any]) -> Struct:
    address, ((pid, fd, comm),) = int(one["kvm"], 16), one["owners"]
    private = {gfn: a for first, end, a in one["attr_ranges"] for gfn in range(first, end)}
    array = address + fake.ATTRIBUTES_OF
    inodes = {at: fake.inode(at & 0xFFFF, MEMFD_SIZE, 25, 0) for at in memfds_of(one)}
    vcpus = [vcpu(pid, number) for number in range(one["created_vcpus"])]
    kvm = Struct(
        address=address,
        mm=Number(pid),
        userspace_pid=Number(one["userspace_pid"]),
        arch=Struct(address=1, vm_type=Number(one["vm_type"])),
        memslots=fake.spaces([slot_of(slot, inodes) for slot in one["slots"]]),
        mem_attr_array=Struct(address=array, xa_head=kernel.store(private, array)),
        vcpu_array=Struct(address=1, entries=vcpus),
    )
    files = [(fd, fake.file(fake.VM_FOPS, kvm))]
    for number, inode in enumerate(inodes.values()):
        gmem = Struct(address=2, kvm=kvm)
        files.append((fd + 1 + number, fake.file(fake.GMEM_FOPS, gmem, inode)))
    for number, one_vcpu in enumerate(vcpus):
        one_vcpu.kvm = kvm
        files.append((20 + number, fake.file(fake.VCPU_FOPS, one_vcpu)))
    kernel.tasks.append(fake.task(pid, comm, files, [b"qemu-kvm", b"-name", comm.encode()]))
    return kvm


def memfds_of(one: dict[str, Any]) -> list[int]:
    return sorted({slot["gmem_file"] for slot in one["slots"]} - {0})


def vcpu(pid: int, number: int) -> Struct:
    ran = Struct(address=1, numbers=[Struct(address=1, nr=Number(pid + number))])
    return Struct(address=3, vcpu_id=Number(number), pid=ran, kvm=None)


def slot_of(slot: dict[str, int], inodes: dict[int, Struct]) -> Struct:
    behind = Struct(address=slot["gmem_file"], f_inode=inodes.get(slot["gmem_file"]))
    return Struct(
        address=4,
        id=Number(slot["id"]),
        base_gfn=Number(slot["base_gfn"]),
        npages=Number(slot["npages"]),
        flags=Number(slot["flags"]),
        userspace_addr=Number(slot["userspace_addr"]),
        gmem=Struct(address=5, file=behind, pgoff=Number(slot["gmem_pgoff"])),
    )


def test_recorded_vms_are_read_as_they_were() -> None:
    for found, one in zip(kernel_vms(kernel_of(RECORDED)), RECORDED, strict=True):
        ((pid, fd, comm),) = one["owners"]
        assert (found.process.pid, found.fds, found.process.command) == (pid, (fd,), comm)
        assert found.kvm_pointer == int(one["kvm"], 16)
        assert (found.vm_type, found.memslots_are_complete) == (one["vm_type"], True)
        slots = [
            (s.slot, s.base_gfn, s.npages, s.flags, s.userspace_addr, s.memfd_offset)
            for s in found.memslots
        ]
        assert slots == [
            (
                s["id"],
                s["base_gfn"],
                s["npages"],
                s["flags"],
                s["userspace_addr"],
                s["gmem_pgoff"] << 12 if s["gmem_file"] else None,
            )
            for s in one["slots"]
        ]
        assert found.attributes is not None
        assert found.attributes.tolist() == [
            (first, end - first, PageState.PRIVATE) for first, end, _ in one["attr_ranges"]
        ]


def test_process_is_told_with_what_it_calls_its_guest() -> None:
    (found,) = kernel_vms(kernel_of(RECORDED[:1]))
    assert found.process.name == found.process.command
    assert found.process.start_ns == 1_230_000_000  # in the ticks of /proc
    assert found.vcpus == {20: 0}
    assert found.threads == {found.process.pid: 0}


def test_guest_memfds_have_their_flags_and_how_many_pages_exist() -> None:
    (found,) = kernel_vms(kernel_of(RECORDED[:1]))
    (memfd,) = found.memfds
    counted = (FoundPopulation(0, MEMFD_SIZE >> 12, 25),)
    fds = (found.fds[0] + 1,)
    assert memfd == FoundMemfd(fds, 13, memfd.ino, MEMFD_SIZE, 0, None, counted)
    assert {slot.memfd_ino for slot in found.memslots} == {None, memfd.ino}


def test_slots_of_kvm_itself_and_its_own_flags_are_left_out() -> None:
    one = json.loads(json.dumps(RECORDED[1]))
    one["slots"][1]["flags"] |= GMEM_ONLY
    one["slots"][2]["id"] = 32766
    (found,) = kernel_vms(kernel_of([one]))
    assert [(slot.slot, slot.flags) for slot in found.memslots] == [(0, 0), (1, 4)]


def test_vm_that_no_descriptor_names_any_more_is_there() -> None:
    kernel = kernel_of(RECORDED[:1])
    kernel.tasks.clear()
    (found,) = kernel_vms(kernel)
    assert (found.fds, found.vcpus, found.memfds) == ((), {}, ())
    assert found.process.pid == RECORDED[0]["userspace_pid"]


def test_memory_that_does_not_hold_still_is_an_error_that_says_so() -> None:
    kernel = kernel_of(RECORDED[:1])
    kernel.memory.clear()
    with pytest.raises(KernelUnreadableError, match="changed faster"):
        kernel_vms(kernel)


def test_kernel_with_other_structures_is_an_error_that_names_them() -> None:
    kernel = kernel_of(RECORDED[:1])
    del kernel.vms[0].memslots
    with pytest.raises(KernelUnreadableError, match=r"in another way.*memslots"):
        kernel_vms(kernel)


def test_kernel_without_attributes_has_no_private_page() -> None:
    kernel = kernel_of(RECORDED[:1])
    kernel.members["struct kvm"] = set()
    (found,) = kernel_vms(kernel)
    assert found.attributes is not None
    assert len(found.attributes) == 0


def in_place(kernel: Kernel, *ranges: tuple[int, int, int], switch: dict[str, int]) -> list[Any]:
    """Attributes in the file, as ranges (first page, last page, attributes)."""
    kernel.members["struct gmem_inode"] = {"attributes", "flags"}
    kernel.variables |= {name: Number(value) for name, value in switch.items()}
    tree = Struct(address=1, ranges=[(first, last, a << 1 | 1) for first, last, a in ranges])
    for one in kernel.tasks[0].files:
        if one[1].f_inode is not None:
            one[1].f_inode.attributes, one[1].f_inode.flags = tree, Number(3)
    (found,) = kernel_vms(kernel)
    assert [memfd.flags for memfd in found.memfds] == [3]
    return [] if found.attributes is None else found.attributes[["gfn", "npages"]].tolist()


def test_in_place_conversion_keeps_the_state_in_the_file() -> None:
    ranges = ((0, 9, 8), (10, 4095, 0), (4096, 4099, 8), (4100, 6143, 0))
    kernel = kernel_of(RECORDED[1:])
    assert in_place(kernel, *ranges, switch={"gmem_in_place_conversion": 1}) == [
        (0x10000, 10),
        (0x100000, 4),
    ]


def test_parameter_says_where_the_state_is() -> None:
    recorded = [(first, end - first) for first, end, _ in RECORDED[1]["attr_ranges"]]
    switch = {"vm_memory_attributes": 1}
    assert in_place(kernel_of(RECORDED[1:]), (0, 6143, 8), switch=switch) == recorded
    assert in_place(kernel_of(RECORDED[1:]), (0, 6143, 8), switch={}) == []


def test_many_pages_are_walked_a_node_at_a_time() -> None:
    one = json.loads(json.dumps(RECORDED[1]))
    rng = np.random.default_rng(1)
    edges = np.sort(rng.choice(1 << 18, 2_000, replace=False)).reshape(-1, 2).tolist()
    one["attr_ranges"] = [[first, end, 8] for first, end in edges]
    (found,) = kernel_vms(kernel_of([one]))
    assert found.attributes is not None
    assert found.attributes[["gfn", "npages"]].tolist() == [(a, b - a) for a, b in edges]
