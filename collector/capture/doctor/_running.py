"""What is needed to learn of VMs that run already, and programs that record for us."""

from collections.abc import Iterator

from collector.capture.doctor._finding import Finding, has, lacks, unknown
from collector.capture.host_facts import CallerFacts, ToolFacts

COST_OF_CALL = {
    "pidfd_getfd": "the population of guest_memfds of VMs that run already cannot be asked for",
    "cachestat": "how many pages of a guest_memfd are allocated cannot be counted at an instant",
}
COST_OF_PROGRAM = {
    "bpftrace": "without event probes, memslots and ranges of conversions cannot be read",
    "trace-cmd": "its recipe (gmemscope recipe trace-cmd) cannot be run here",
    "perf": "its recipe (gmemscope recipe perf) cannot be run here",
}
USEFUL = ("CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH")


def tool_findings(tools: ToolFacts) -> Iterator[Finding]:
    for name, cost in COST_OF_PROGRAM.items():
        path = tools.programs[name]
        yield has(name, path) if path else lacks(name, "it is not installed", cost)
    for name, is_there in tools.system_calls.items():
        says = "the system call is there" if is_there else "the kernel has no such system call"
        yield has(name, says) if is_there else lacks(name, says, COST_OF_CALL[name])
    yield snapshot(tools)


def snapshot(tools: ToolFacts) -> Finding:
    """State of running VMs out of the kernel's memory."""
    cost = "pages and memslots of VMs that ran before are unknown until calls name them"
    missing = []
    if not tools.has_drgn:
        missing.append("drgn is not installed")
    if tools.kcore is False:
        missing.append("the kernel has no /proc/kcore")
    if tools.kernel_debug_info is None:
        missing.append("no debugging information of this kernel was found")
    if missing:
        return lacks("snapshots by drgn", "; ".join(missing), cost)
    if tools.kcore is None:
        return unknown("snapshots by drgn", "only root may read /proc/kcore")
    return has("snapshots by drgn", f"with {tools.kernel_debug_info}")


def caller_finding(caller: CallerFacts) -> Finding:
    missing = [name for name in USEFUL if name not in caller.capabilities]
    if missing:
        return lacks(
            "this process",
            f"uid {caller.uid}, without {' and '.join(missing)}",
            "VMs of other users that run already are neither found nor named",
        )
    return has("this process", f"uid {caller.uid}, may look into other processes")
