"""What the kernel itself holds of its VMs, read by drgn: live, or from a vmcore.

From the list of VMs its memslots, files and attribute XArrays are walked; the result is merged with
what /proc shows of the same VMs.
"""

from collector.capture.kernel_memory._debug_files import WrongFileError, check_vmcore, check_vmlinux
from collector.capture.kernel_memory._merge import with_kernel
from collector.capture.kernel_memory._program import (
    KernelUnreadableError,
    NoDrgnError,
    Program,
    open_kernel,
)
from collector.capture.kernel_memory._vms import kernel_vms

__all__ = [
    "KernelUnreadableError",
    "NoDrgnError",
    "Program",
    "WrongFileError",
    "check_vmcore",
    "check_vmlinux",
    "kernel_vms",
    "open_kernel",
    "with_kernel",
]
