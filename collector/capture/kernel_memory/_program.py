"""Kernel memory by drgn. It needs debug information (DWARF) of the kernel that is read."""

import logging
from pathlib import Path
from typing import Any

Program = Any
"""A drgn.Program: drgn is an extra, so that it is imported where it is needed only."""

DEBUG_INFO = (
    "install your distribution's debug package of this kernel (linux-image-...-dbg, "
    "kernel-debuginfo) or give --vmlinux FILE"
)


class KernelUnreadableError(Exception):
    """Why kernel memory cannot be read, and what to do about it."""


class NoDrgnError(KernelUnreadableError):
    """drgn is an extra that is not installed."""


def open_kernel(vmcore: Path | None = None, vmlinux: Path | None = None) -> Program:
    """The running kernel, or the one that left `vmcore`. Raises KernelUnreadableError."""
    try:
        import drgn
    except ImportError:
        reason = "drgn is not installed: pip install 'gmemscope[drgn]'"
        raise NoDrgnError(reason) from None
    logging.getLogger("drgn").addHandler(logging.NullHandler())  # what matters is reported below
    program = drgn.Program()
    try:
        if vmcore is not None:
            program.set_core_dump(vmcore)
        else:
            program.set_kernel()
    except FileNotFoundError as error:
        reason = "this kernel has no /proc/kcore (CONFIG_PROC_KCORE)"
        raise KernelUnreadableError(reason if vmcore is None else str(error)) from error
    except (OSError, ValueError) as error:
        raise KernelUnreadableError(str(error)) from error
    _load_debug_info(program, vmlinux)
    return program


def _load_debug_info(program: Program, vmlinux: Path | None) -> None:
    import drgn

    try:
        if vmlinux is not None:
            program.load_debug_info([vmlinux])
        program.load_debug_info(default=True)
    except drgn.MissingDebugInfoError:
        pass  # of some module: whether that one is needed shows below
    except (OSError, ValueError) as error:
        raise KernelUnreadableError(str(error)) from error
    try:
        release = program["init_uts_ns"].name.release.string_().decode(errors="replace")
        program["vm_list"]
    except LookupError as error:
        name = error.args[0] if error.args else "KVM"
        raise KernelUnreadableError(
            f"there is no debug information: {name}; {DEBUG_INFO}"
        ) from error
    except drgn.FaultError:
        release = ""
    if release != program["UTS_RELEASE"].string_().decode():
        raise KernelUnreadableError(f"the debug information is of another kernel; {DEBUG_INFO}")
