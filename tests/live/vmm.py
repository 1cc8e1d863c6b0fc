"""A small VMM that does to guest memory what a VMM can do, and writes down each call.

    python -m tests.live.vmm TRUTH.jsonl [--scene NAME]... [--floods N] [--burst N] [--hold S]
                              [--wait] [--clock boot|mono]

See kvm_calls for what is written. No guest code runs.
"""

import argparse
import ctypes
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from collector.kvm import uapi
from tests.live.kvm_calls import (
    CLOCKS,
    K4,
    KEEP_SIZE,
    M2,
    PRIVATE,
    PUNCH_HOLE,
    Vmm,
    libc,
)

LONG_CALL = 2 << 30
"""Bytes whose allocation takes long enough to be killed at it."""
FREE_FD = 100
"""Of no file of this process."""


def backings(vmm: Vmm) -> int:
    """Two VMs. The first has memslots of each backing, which are deleted, made anew and moved.

    Its conversions are applied if KVM offers software-protected VMs, else refused.
    """
    vm = vmm.create_vm()
    memfd = vmm.create_guest_memfd(vm, 2 * M2, 0)
    shared_file = uapi.GUEST_MEMFD_FLAG_MMAP | uapi.GUEST_MEMFD_FLAG_INIT_SHARED
    mappable = vmm.create_guest_memfd(vm, M2, shared_file & vmm.memfd_flags)
    vmm.region(vm, 0, 0, M2)
    vmm.region2(vm, 1, 0x1000_0000, M2, memfd, M2)
    vmm.region2(vm, 2, 0x1_0000_0000, M2, mappable)
    vmm.region(vm, 3, M2, M2)  # beside slot 0
    vmm.region(vm, 4, K4, K4)  # overlaps slot 0: refused
    vmm.region(vm, 0, 0, 0)
    vmm.region(vm, 0, 0, M2, uapi.KVM_MEM_READONLY)
    vmm.region(vm, 3, 4 * M2, M2)  # moved
    vmm.region2(vm, 1, 0x1000_0000, 0, memfd)
    vmm.region2(vm, 1, 0x1000_0000, 2 * M2, memfd)
    for at in (memfd, mappable):
        vmm.fallocate(at, KEEP_SIZE, 0, M2)
        vmm.fallocate(at, PUNCH_HOLE | KEEP_SIZE, K4, 2 * K4)
    vmm.fallocate(memfd, PUNCH_HOLE | KEEP_SIZE, 100, K4)  # not aligned: refused
    for address, size, attributes in [
        (0x1000_0000, M2, PRIVATE),
        (0x1000_0000 + K4, K4, 0),
        (0x1000_0001, K4, PRIVATE),
    ]:
        vmm.attributes(vm, address, size, attributes)
    second = vmm.create_vm()
    vmm.region(second, 0, 0, 2 * M2)
    vmm.region(second, 0, 0, 0)
    return vm


def refused(vmm: Vmm) -> int:
    """What only other kernels and other hardware do."""
    vm = vmm.create_vm()
    memfd = vmm.create_guest_memfd(vm, 2 * M2, 0)
    vmm.region2(vm, 7, 0x2000_0000, M2, memfd, M2)
    vmm.attributes2(memfd, M2 + K4, 2 * K4, PRIVATE)
    vmm.attributes2(memfd, M2, M2, 0)
    vmm.register_region(vm, vmm.hva, M2)
    vmm.unregister_region(vm, vmm.hva, M2)
    return vm


def descriptors(vmm: Vmm) -> int:
    """A VM lives on under other numbers; when it ended, its number is another VM's."""
    first = vmm.create_vm()
    vmm.region(first, 0, 0, M2)
    other = vmm.dup(first)
    vmm.close(first)
    vmm.region(other, 1, M2, M2)
    third = vmm.dup2(other, FREE_FD)
    vmm.close(other)
    vmm.region(third, 0, 0, 0)
    vmm.close(third)  # its end
    again = vmm.create_vm()
    vmm.region(again, 0, 8 * M2, M2)
    fourth = vmm.dup3(again, FREE_FD)
    vmm.close(fourth)
    vmm.region(again, 1, 0, M2)
    vmm.close_range(again)
    last = vmm.create_vm()
    vmm.region(last, 5, 0, 2 * M2)
    return last


def vcpus(vmm: Vmm) -> int:
    """Two vCPUs run, each in a thread of its own, which then asks for a conversion."""
    vm = vmm.create_vm()
    vmm.region(vm, 0, 0, M2)

    def run(vcpu: int) -> None:
        vcpu_fd = vmm.create_vcpu(vm, vcpu)
        vmm.run_vcpu(vcpu_fd, vcpu)
        vmm.attributes(vm, vcpu * K4, K4, PRIVATE)

    for vcpu in (0, 3):
        thread = threading.Thread(target=run, args=(vcpu,))
        thread.start()
        thread.join()
    return vm


def exec_(vmm: Vmm) -> int:
    """The process becomes another VMM, whose VM has the same number."""
    vm = vmm.create_vm()
    vmm.region(vm, 0, 0, M2)
    vmm.exec("tests.live.vmm", "--scene", "descriptors")
    return vm


def killed(vmm: Vmm) -> int:
    """Whoever started it is to kill it at its last call."""
    vm = vmm.create_vm()
    vmm.region(vm, 0, 0, M2)
    memfd = vmm.create_guest_memfd(vm, LONG_CALL, 0)
    while True:
        vmm.fallocate_that_ends_us(memfd, LONG_CALL)


SCENES: dict[str, Callable[[Vmm], int]] = {
    "backings": backings,
    "refused": refused,
    "descriptors": descriptors,
    "vcpus": vcpus,
    "exec": exec_,
    "killed": killed,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("truth", type=Path)
    parser.add_argument("--scene", choices=SCENES, action="append", help="default: backings")
    parser.add_argument("--floods", type=int, default=0, help="attribute calls at the end")
    parser.add_argument("--burst", type=int, default=0, help="more, as fast as can be, unwritten")
    parser.add_argument("--hold", type=float, default=0.0, help="seconds to live on")
    parser.add_argument("--clock", choices=CLOCKS, default="boot", help="of the truth's times")
    parser.add_argument("--wait", action="store_true", help="until a line comes in")
    options = parser.parse_args()
    if options.wait:
        sys.stdin.readline()
    with options.truth.open("a") as truth:
        vmm = Vmm(truth, options.clock)
        vms = [SCENES[scene](vmm) for scene in options.scene or ["backings"]]
        for i in range(options.floods):
            vmm.attributes(vms[0], 0x1000_0000 + i * K4, K4, PRIVATE)
    content = ctypes.create_string_buffer(32)
    for _ in range(options.burst):
        libc.ioctl(vms[0], uapi.KVM_SET_MEMORY_ATTRIBUTES, content)
    print("done", flush=True)
    time.sleep(options.hold)


if __name__ == "__main__":
    main()
