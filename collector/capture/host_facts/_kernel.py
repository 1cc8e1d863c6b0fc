"""Which kernel this is and how it was built."""

import gzip
import os
import zlib
from dataclasses import dataclass

from collector.capture.host_facts._tree import Tree

OPTIONS = (
    "KVM",
    "KVM_INTEL",
    "KVM_AMD",
    "KVM_INTEL_TDX",
    "KVM_AMD_SEV",
    "KVM_SW_PROTECTED_VM",
    "KVM_GUEST_MEMFD",
    "KVM_PRIVATE_MEM",
    "KVM_GENERIC_MEMORY_ATTRIBUTES",
    "KVM_VM_MEMORY_ATTRIBUTES",
    "FTRACE_SYSCALLS",
    "KPROBES",
    "KPROBE_EVENTS",
    "PROBE_EVENTS",
    "EPROBE_EVENTS",
    "BPF_SYSCALL",
    "BPF_EVENTS",
    "DEBUG_INFO_BTF",
    "PROC_KCORE",
)
"""What decides how much of guest memory can be seen (Kconfig of KVM, ftrace and BPF)."""


@dataclass(frozen=True, slots=True)
class KernelFacts:
    release: str
    version: str  # of the build: number, options, date
    machine: str
    config: dict[str, str] | None  # option without CONFIG_ -> y, m or n; None: not readable
    config_from: str | None
    lockdown: str | None  # none, integrity or confidentiality; None: no such security module
    has_btf: bool


def kernel_facts(tree: Tree) -> KernelFacts:
    names = os.uname()
    text, origin = config_text(tree, names.release)
    return KernelFacts(
        names.release,
        names.version,
        names.machine,
        None if text is None else options_of(text),
        origin,
        lockdown_of(tree.text("/sys/kernel/security/lockdown")),
        bool(tree.has("/sys/kernel/btf/vmlinux")),
    )


def config_text(tree: Tree, release: str) -> tuple[str | None, str | None]:
    """(the configuration that the kernel was built with, where it was found)."""
    packed = tree.content("/proc/config.gz")
    if packed is not None:
        try:
            return gzip.decompress(packed).decode(errors="replace"), "/proc/config.gz"
        except (OSError, EOFError, zlib.error):
            pass  # then perhaps the distribution's copy
    path = f"/boot/config-{release}"
    text = tree.text(path)
    return text, None if text is None else path


def options_of(text: str) -> dict[str, str]:
    """The options that matter; one that is not mentioned is "n", like one that is not set.

    EPROBE_EVENTS is left out where the kernel has no such option: event probes came with any other
    kind of probes then, that is with PROBE_EVENTS (kernel/trace/Makefile, trace_eprobe.o).
    """
    found = dict.fromkeys(OPTIONS, "n")
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        option = name.removeprefix("CONFIG_")
        if equals and option in found:
            found[option] = value
    if "CONFIG_EPROBE_EVENTS" not in text:
        del found["EPROBE_EVENTS"]
    return found


def lockdown_of(text: str | None) -> str | None:
    """The bracketed word: `none [integrity] confidentiality` gives integrity."""
    if text is None or "[" not in text:
        return None
    return text.partition("[")[2].partition("]")[0]
