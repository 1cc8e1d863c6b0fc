"""The calls of a small VMM, each written down as it was made.

One JSON object a call: op, t0 and t1 (ns, just before and after; t1 is null while the call is
still running), pid, tid, fd, ret (or -errno) and the arguments by the kernel's names.
"""

import ctypes
import json
import mmap
import os
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TextIO

from collector.kvm import uapi

PRIVATE = uapi.KVM_MEMORY_ATTRIBUTE_PRIVATE
KEEP_SIZE, PUNCH_HOLE = uapi.FALLOC_FL_KEEP_SIZE, uapi.FALLOC_FL_PUNCH_HOLE
K4, M2 = 4096, 2 << 20

SYS_CLOSE_RANGE = 436  # on every architecture (scripts/syscall.tbl)
CLOCKS = {"boot": time.CLOCK_BOOTTIME, "mono": time.CLOCK_MONOTONIC}

libc = ctypes.CDLL(None, use_errno=True)
libc.ioctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p]
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]


class Vmm:
    """Makes the calls and keeps the truth."""

    def __init__(self, truth: TextIO, clock: str) -> None:
        self._truth = truth
        self._clock_name = clock
        self._clock = CLOCKS[clock]
        self.kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
        self.memfd_flags = self._offers(uapi.KVM_CAP_GUEST_MEMFD_FLAGS)
        self._type = vm_type(self._offers(uapi.KVM_CAP_VM_TYPES))
        self._memory = mmap.mmap(-1, 8 * M2)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self.hva = -(-address // M2) * M2

    def _offers(self, capability: int) -> int:
        return result(libc.ioctl(self.kvm, uapi.KVM_CHECK_EXTENSION, capability))

    def create_vm(self) -> int:
        begin = self._now()
        ret = result(libc.ioctl(self.kvm, uapi.KVM_CREATE_VM, self._type))
        self._write("create_vm", begin, self.kvm, ret, {"type": self._type})
        return ret

    def create_guest_memfd(self, vm: int, size: int, flags: int) -> int:
        content = struct.pack("<QQ6Q", size, flags, *[0] * 6)
        ioctl = uapi.KVM_CREATE_GUEST_MEMFD
        return self._ioctl("create_guest_memfd", vm, ioctl, content, size=size, flags=flags)

    def region(self, vm: int, slot: int, gpa: int, size: int, flags: int = 0) -> int:
        content = struct.pack("<IIQQQ", slot, flags, gpa, size, self.hva)
        told = {"slot": slot, "flags": flags, "gpa": gpa, "size": size, "hva": self.hva}
        return self._ioctl("set_region", vm, uapi.KVM_SET_USER_MEMORY_REGION, content, **told)

    def region2(self, vm: int, slot: int, gpa: int, size: int, memfd: int, offset: int = 0) -> int:
        flags = uapi.KVM_MEM_GUEST_MEMFD
        content = struct.pack("<IIQQQQI116x", slot, flags, gpa, size, self.hva, offset, memfd)
        told = {"slot": slot, "flags": flags, "gpa": gpa, "size": size, "hva": self.hva}
        told |= {"gmem_offset": offset, "gmem_fd": memfd}
        return self._ioctl("set_region", vm, uapi.KVM_SET_USER_MEMORY_REGION2, content, **told)

    def attributes(self, vm: int, address: int, size: int, attributes: int) -> int:
        content = struct.pack("<QQQQ", address, size, attributes, 0)
        told = {"address": address, "size": size, "attributes": attributes}
        return self._ioctl("set_attributes", vm, uapi.KVM_SET_MEMORY_ATTRIBUTES, content, **told)

    def attributes2(self, memfd: int, offset: int, size: int, attributes: int) -> int:
        """In-place conversion: by the guest_memfd's own ioctl, in file offsets."""
        content = struct.pack("<QQQQ96x", offset, size, attributes, 0)
        told = {"offset": offset, "size": size, "attributes": attributes}
        return self._ioctl(
            "set_attributes2", memfd, uapi.KVM_SET_MEMORY_ATTRIBUTES2, content, **told
        )

    def register_region(self, vm: int, addr: int, size: int) -> int:
        content = struct.pack("<QQ", addr, size)
        ioctl = uapi.KVM_MEMORY_ENCRYPT_REG_REGION
        return self._ioctl("register_region", vm, ioctl, content, addr=addr, size=size)

    def unregister_region(self, vm: int, addr: int, size: int) -> int:
        content = struct.pack("<QQ", addr, size)
        ioctl = uapi.KVM_MEMORY_ENCRYPT_UNREG_REGION
        return self._ioctl("unregister_region", vm, ioctl, content, addr=addr, size=size)

    def create_vcpu(self, vm: int, vcpu: int) -> int:
        begin = self._now()
        ret = result(libc.ioctl(vm, uapi.KVM_CREATE_VCPU, vcpu))
        self._write("create_vcpu", begin, vm, ret, {"vcpu": vcpu})
        return ret

    def run_vcpu(self, vcpu_fd: int, vcpu: int) -> int:
        """Run a vCPU in this thread; the guest is not entered."""
        size = result(libc.ioctl(self.kvm, uapi.KVM_GET_VCPU_MMAP_SIZE, None))
        with mmap.mmap(vcpu_fd, size) as kvm_run:
            kvm_run[uapi.RUN_IMMEDIATE_EXIT] = 1
            return self._ioctl("vcpu_run", vcpu_fd, uapi.KVM_RUN, None, vcpu=vcpu)

    def fallocate(self, memfd: int, mode: int, offset: int, length: int) -> int:
        begin = self._now()
        ret = result(libc.fallocate(memfd, mode, offset, length))
        told = {"mode": mode, "offset": offset, "len": length}
        self._write("fallocate", begin, memfd, ret, told)
        return ret

    def fallocate_that_ends_us(self, memfd: int, length: int) -> None:
        """Written down before it is made, for it is not to return; if it does, that as well."""
        told = {"mode": KEEP_SIZE, "offset": 0, "len": length}
        self._write("fallocate", self._now(), memfd, None, told)
        self._truth.flush()
        print("calling", flush=True)
        ret = result(libc.fallocate(memfd, KEEP_SIZE, 0, length))
        self._write("returned", self._now(), memfd, ret, {})

    def dup(self, fd: int) -> int:
        return self._duplicate(fd, lambda: libc.dup(fd))

    def dup2(self, fd: int, new: int) -> int:
        return self._duplicate(fd, lambda: libc.dup2(fd, new))

    def dup3(self, fd: int, new: int) -> int:
        return self._duplicate(fd, lambda: libc.dup3(fd, new, os.O_CLOEXEC))

    def _duplicate(self, fd: int, call: Callable[[], int]) -> int:
        begin = self._now()
        ret = result(call())
        self._write("dup", begin, fd, ret, {})
        return ret

    def close(self, fd: int) -> None:
        begin = self._now()
        ret = result(libc.close(fd))
        self._write("close", begin, fd, ret, {})

    def close_range(self, fd: int) -> None:
        """close_range(2) of one descriptor, by its number: older C libraries do not have it."""
        begin = self._now()
        ret = result(libc.syscall(SYS_CLOSE_RANGE, fd, fd, 0))
        self._write("close", begin, fd, ret, {})

    def exec(self, module: str, *arguments: str) -> None:
        """Become another VMM, which goes on writing. All of KVM's file descriptors are closed."""
        self._write("exec", self._now(), -1, None, {})
        self._truth.flush()
        command = [sys.executable, "-m", module, self._truth.name, "--clock", self._clock_name]
        os.execv(sys.executable, [*command, *arguments])

    def _ioctl(self, op: str, fd: int, request: int, content: bytes | None, **told: int) -> int:
        argument = None if content is None else ctypes.create_string_buffer(content, len(content))
        begin = self._now()
        ret = result(libc.ioctl(fd, request, argument))
        self._write(op, begin, fd, ret, told)
        return ret

    def _now(self) -> int:
        return time.clock_gettime_ns(self._clock)

    def _write(self, op: str, begin: int, fd: int, ret: int | None, told: dict[str, int]) -> None:
        row: dict[str, Any] = {
            "op": op,
            "t0": begin,
            "t1": None if ret is None else self._now(),
            "pid": os.getpid(),
            "tid": threading.get_native_id(),
        }
        self._truth.write(json.dumps(row | {"fd": fd, "ret": ret} | told) + "\n")


def vm_type(offered: int) -> int:
    """One whose pages can be converted, if KVM offers it."""
    has_private = offered >> uapi.KVM_X86_SW_PROTECTED_VM & 1
    return uapi.KVM_X86_SW_PROTECTED_VM if has_private else uapi.KVM_X86_DEFAULT_VM


def result(ret: int) -> int:
    return -ctypes.get_errno() if ret < 0 else ret
