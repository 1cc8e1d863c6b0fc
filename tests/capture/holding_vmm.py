"""A VMM that sets up VMs, writes down what it has, and holds still.

    python -m tests.capture.holding_vmm TRUTH.json one|two [--name NAME]

one: a VM with a slot of each backing, three guest_memfds, a vCPU that sleeps in KVM_RUN, and a
second number for the VM and for a guest_memfd; a child holds them too. two: two VMs, one of which
has a guest_memfd. When a line comes in it makes the calls of `go_on`, by second numbers where there
are any. It ends when its standard input does.
"""

import ctypes
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from collector.kvm import uapi
from tests.live.kvm_calls import (
    K4,
    KEEP_SIZE,
    M2,
    PUNCH_HOLE,
    Vmm,
    libc,
)

SLEEPING_VCPU = 3
"""With an irqchip any vCPU but 0 waits inside KVM_RUN until vCPU 0 starts it."""


def one(vmm: Vmm) -> dict[str, Any]:
    vm = vmm.create_vm()
    mixed = vmm.create_guest_memfd(vm, 2 * M2, 0)
    mappable = vmm.create_guest_memfd(
        vm, M2, uapi.GUEST_MEMFD_FLAG_MMAP | uapi.GUEST_MEMFD_FLAG_INIT_SHARED
    )
    large = vmm.create_guest_memfd(vm, 512 * M2, 0)
    vmm.region(vm, 0, 0, M2)
    vmm.region2(vm, 1, 0x1000_0000, 2 * M2, mixed)
    vmm.region2(vm, 2, 0x1_0000_0000, M2, mappable)
    vmm.fallocate(mixed, KEEP_SIZE, 0, M2)
    vmm.fallocate(mixed, PUNCH_HOLE | KEEP_SIZE, K4, 2 * K4)
    vmm.fallocate(mappable, KEEP_SIZE, 0, M2)
    return {
        "vm_fds": [vm, vmm.dup(vm)],
        "mixed_fds": [mixed, vmm.dup(mixed)],
        "mappable_fd": mappable,
        "large_fd": large,
        "vcpus": sleeping_vcpu(vm),
        "child": child(),
    }


def two(vmm: Vmm) -> dict[str, Any]:
    first, second = vmm.create_vm(), vmm.create_vm()
    memfd = vmm.create_guest_memfd(second, M2, 0)
    return {"vm_fds": [first, second], "memfd": memfd}


def go_on(vmm: Vmm, held: dict[str, Any]) -> None:
    """A slot of the last VM gets a guest_memfd that it had before, of which a page is allocated."""
    vm, memfd = held["vm_fds"][-1], held["memfd" if "memfd" in held else "large_fd"]
    vmm.region2(vm, 9, 0x2_0000_0000, M2, memfd)
    vmm.fallocate(memfd, KEEP_SIZE, 2 * K4, K4)


def sleeping_vcpu(vm: int) -> dict[str, Any]:
    libc.ioctl(vm, uapi.KVM_CREATE_IRQCHIP, None)
    fd = libc.ioctl(vm, uapi.KVM_CREATE_VCPU, ctypes.c_void_p(SLEEPING_VCPU))
    thread = threading.Thread(target=lambda: libc.ioctl(fd, uapi.KVM_RUN, None), daemon=True)
    thread.start()
    return {"fd": fd, "id": SLEEPING_VCPU, "tid": thread.native_id}


def child() -> int:
    """It has all our descriptors, and ends when we do."""
    end, ours = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        os.read(end, 1)
        os._exit(0)
    os.set_inheritable(ours, False)
    return pid


def main() -> None:
    truth, scene = Path(sys.argv[1]), sys.argv[2]
    with Path(os.devnull).open("w") as nowhere:
        vmm = Vmm(nowhere, "boot")
        held = {"one": one, "two": two}[scene](vmm)
        truth.write_text(json.dumps(held | {"pid": os.getpid()}))
        print("ready", flush=True)
        if sys.stdin.readline():
            go_on(vmm, held)
            print("done", flush=True)
        sys.stdin.read()
    os._exit(0)


main()
