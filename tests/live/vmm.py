"""A small VMM that does to guest memory what a VMM can do, and writes down each call.

    python vmm.py TRUTH.jsonl [--floods N] [--burst N] [--hold S] [--wait] [--clock boot|mono]

One JSON object a call: op, t0 and t1 (ns, just before and after), tid, fd, ret (or
-errno) and the arguments by the kernel's names. No vCPU runs.
"""

import argparse
import ctypes
import json
import mmap
import os
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any, TextIO

KVM_CREATE_VM = 0xAE01
KVM_SET_USER_MEMORY_REGION = 0x4020AE46
KVM_SET_USER_MEMORY_REGION2 = 0x40A0AE49
KVM_SET_MEMORY_ATTRIBUTES = 0x4020AED2
KVM_CREATE_GUEST_MEMFD = 0xC040AED4
KVM_MEM_READONLY = 1 << 1
KVM_MEM_GUEST_MEMFD = 1 << 2
GUEST_MEMFD_FLAG_MMAP = 1 << 0
GUEST_MEMFD_FLAG_INIT_SHARED = 1 << 1
PRIVATE = 1 << 3
KEEP_SIZE, PUNCH_HOLE = 1, 2
K4, M2 = 4096, 2 << 20
CLOCKS = {"boot": time.CLOCK_BOOTTIME, "mono": time.CLOCK_MONOTONIC}

libc = ctypes.CDLL(None, use_errno=True)
libc.ioctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p]
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]


class Vmm:
    """Makes the calls and keeps the truth."""

    def __init__(self, truth: TextIO, clock: int) -> None:
        self._truth = truth
        self._clock = clock
        self.kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
        self._memory = mmap.mmap(-1, 8 * M2)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self.hva = -(-address // M2) * M2

    def create_vm(self) -> int:
        return self._ioctl("create_vm", self.kvm, KVM_CREATE_VM, None, type=0)

    def create_guest_memfd(self, vm: int, size: int, flags: int) -> int:
        content = struct.pack("<QQ6Q", size, flags, *[0] * 6)
        ioctl = KVM_CREATE_GUEST_MEMFD
        return self._ioctl("create_guest_memfd", vm, ioctl, content, size=size, flags=flags)

    def region(self, vm: int, slot: int, gpa: int, size: int, flags: int = 0) -> int:
        content = struct.pack("<IIQQQ", slot, flags, gpa, size, self.hva)
        told = {"slot": slot, "flags": flags, "gpa": gpa, "size": size, "hva": self.hva}
        return self._ioctl("set_region", vm, KVM_SET_USER_MEMORY_REGION, content, **told)

    def region2(self, vm: int, slot: int, gpa: int, size: int, memfd: int, offset: int = 0) -> int:
        flags = KVM_MEM_GUEST_MEMFD
        content = struct.pack("<IIQQQQI116x", slot, flags, gpa, size, self.hva, offset, memfd)
        told = {"slot": slot, "flags": flags, "gpa": gpa, "size": size, "hva": self.hva}
        told |= {"gmem_offset": offset, "gmem_fd": memfd}
        return self._ioctl("set_region", vm, KVM_SET_USER_MEMORY_REGION2, content, **told)

    def attributes(self, vm: int, address: int, size: int, attributes: int) -> int:
        content = struct.pack("<QQQQ", address, size, attributes, 0)
        told = {"address": address, "size": size, "attributes": attributes}
        return self._ioctl("set_attributes", vm, KVM_SET_MEMORY_ATTRIBUTES, content, **told)

    def fallocate(self, memfd: int, mode: int, offset: int, length: int) -> int:
        begin = self._now()
        ret = result(libc.fallocate(memfd, mode, offset, length))
        told = {"mode": mode, "offset": offset, "len": length}
        self._write("fallocate", begin, memfd, ret, told)
        return ret

    def _ioctl(self, op: str, fd: int, request: int, content: bytes | None, **told: int) -> int:
        argument = None if content is None else ctypes.create_string_buffer(content, len(content))
        begin = self._now()
        ret = result(libc.ioctl(fd, request, argument))
        self._write(op, begin, fd, ret, told)
        return ret

    def _now(self) -> int:
        return time.clock_gettime_ns(self._clock)

    def _write(self, op: str, begin: int, fd: int, ret: int, told: dict[str, int]) -> None:
        row: dict[str, Any] = {
            "op": op,
            "t0": begin,
            "t1": self._now(),
            "tid": threading.get_native_id(),
        }
        self._truth.write(json.dumps(row | {"fd": fd, "ret": ret} | told) + "\n")


def result(ret: int) -> int:
    return -ctypes.get_errno() if ret < 0 else ret


def three_backings(vmm: Vmm) -> int:
    """A VM with one memslot of each backing; slots are deleted, made anew and moved."""
    vm = vmm.create_vm()
    memfd = vmm.create_guest_memfd(vm, 2 * M2, 0)
    mappable = vmm.create_guest_memfd(vm, M2, GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED)
    vmm.region(vm, 0, 0, M2)
    vmm.region2(vm, 1, 0x1000_0000, M2, memfd, M2)
    vmm.region2(vm, 2, 0x1_0000_0000, M2, mappable)
    vmm.region(vm, 3, M2, M2)  # beside slot 0
    vmm.region(vm, 4, K4, K4)  # overlaps slot 0: refused
    vmm.region(vm, 0, 0, 0)
    vmm.region(vm, 0, 0, M2, KVM_MEM_READONLY)
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
    return vm


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("truth", type=Path)
    parser.add_argument("--floods", type=int, default=0, help="attribute calls at the end")
    parser.add_argument("--burst", type=int, default=0, help="more, as fast as can be, unwritten")
    parser.add_argument("--hold", type=float, default=0.0, help="seconds to live on")
    parser.add_argument("--clock", choices=CLOCKS, default="boot", help="of the truth's times")
    parser.add_argument("--wait", action="store_true", help="until a line comes in")
    options = parser.parse_args()
    if options.wait:
        sys.stdin.readline()
    with options.truth.open("w") as truth:
        vmm = Vmm(truth, CLOCKS[options.clock])
        vm = three_backings(vmm)
        second = vmm.create_vm()  # of the same process
        vmm.region(second, 0, 0, 2 * M2)
        vmm.region(second, 0, 0, 0)
        for i in range(options.floods):
            vmm.attributes(vm, 0x1000_0000 + i * K4, K4, PRIVATE)
    content = ctypes.create_string_buffer(32)
    for _ in range(options.burst):
        libc.ioctl(vm, KVM_SET_MEMORY_ATTRIBUTES, content)
    print("done", flush=True)
    time.sleep(options.hold)


if __name__ == "__main__":
    main()
