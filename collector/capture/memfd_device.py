"""The device that the files of guest_memfds are on, as page cache events name it."""

import fcntl
import os
import struct
from contextlib import ExitStack

from collector.kvm import uapi

_VM_TYPES = (uapi.KVM_X86_DEFAULT_VM, uapi.KVM_X86_SW_PROTECTED_VM)
"""Other types need their hardware."""
_PAGE = 4096


def memfd_device() -> int | None:
    """st_dev, learnt from a guest_memfd made for the purpose; None if KVM makes none.

    All guest_memfds share a device, and nothing else on it has a page cache: anon_inodefs, later
    a mount of their own (virt/kvm/guest_memfd.c, kvm_gmem_init).
    """
    with ExitStack() as opened:

        def closing(descriptor: int) -> int:
            opened.callback(os.close, descriptor)
            return descriptor

        try:
            kvm = closing(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
        except OSError:
            return None
        wanted = struct.pack("<8Q", _PAGE, *[0] * 7)
        for vm_type in _VM_TYPES:
            try:
                vm = closing(fcntl.ioctl(kvm, uapi.KVM_CREATE_VM, vm_type))
                memfd = closing(_descriptor_of(vm, wanted))
            except OSError:
                continue
            return os.fstat(memfd).st_dev
    return None


def _descriptor_of(vm: int, wanted: bytes) -> int:
    """fcntl.ioctl hands back the struct where it was given one, unless it may be changed."""
    return int(fcntl.ioctl(vm, uapi.KVM_CREATE_GUEST_MEMFD, bytearray(wanted), True))
