"""Which events there are to record, and the means to read what they do not hold."""

from collections.abc import Iterator

from collector.capture.doctor._finding import Finding, has, lacks, unknown
from collector.capture.host_facts import KernelFacts, TracingFacts
from collector.kvm.catalogue import cost_of_absence, essential

ONLY_ROOT = "only root may look into /sys/kernel/tracing"


def tracing_findings(tracing: TracingFacts, kernel: KernelFacts) -> Iterator[Finding]:
    yield lockdown(kernel)
    if tracing.is_mounted is None:
        yield unknown("events", ONLY_ROOT)
    elif not tracing.is_mounted:
        yield lacks(
            "tracefs",
            "it is not mounted at /sys/kernel/tracing (mount -t tracefs tracefs "
            "/sys/kernel/tracing), or the kernel has no tracing",
            "nothing can be recorded",
            prevents=True,
        )
    else:
        yield from event_findings(tracing.events or {})
        yield from buffer_findings(tracing)
    yield from means(tracing, kernel)


def lockdown(kernel: KernelFacts) -> Finding:
    """What confidentiality forbids: include/linux/security.h, enum lockdown_reason."""
    if kernel.lockdown == "confidentiality":
        return lacks(
            "lockdown",
            "the kernel is locked down for confidentiality",
            "tracefs, kprobes, perf and BPF that reads memory are all forbidden",
            prevents=True,
        )
    return has("lockdown", f"{kernel.lockdown or 'none'}: tracing is allowed")


def event_findings(events: dict[str, bool]) -> Iterator[Finding]:
    there = [name for name, is_there in events.items() if is_there]
    yield has("events", f"{len(there)} of the {len(events)} that concern guest memory")
    costs, needed = cost_of_absence(), essential()
    for name, is_there in events.items():
        if not is_there:
            says = "the kernel has no such event"
            yield lacks(name, says, costs[name], prevents=name in needed)


def buffer_findings(tracing: TracingFacts) -> Iterator[Finding]:
    if tracing.clocks is not None and "mono" not in tracing.clocks:
        yield lacks(
            "trace clock",
            "the kernel's tracing has no clock mono",
            "tracefs cannot be recorded beside VMM logs",
        )
    if not tracing.has_large_sub_buffers:
        yield lacks(
            "large sub-buffers",
            "there is no buffer_subbuf_size_kb",
            "reading costs some more CPU for each event",
        )


def means(tracing: TracingFacts, kernel: KernelFacts) -> Iterator[Finding]:
    """Ways to read what an ioctl's pointer leads to."""
    cost = "memslots and ranges are read by bpftrace or a kprobe instead, or not at all"
    has_own_option = kernel.config is not None and "EPROBE_EVENTS" in kernel.config
    option = "EPROBE_EVENTS" if has_own_option else "PROBE_EVENTS"
    yield by_option(kernel, option, "event probes", cost)
    yield by_option(kernel, "KPROBE_EVENTS", "kprobes", "they cannot stand in for event probes")
    yield by_option(kernel, "BPF_EVENTS", "BPF programs at events", "bpftrace cannot be used")
    if not kernel.has_btf:
        yield lacks("BTF", "no /sys/kernel/btf/vmlinux", "bpftrace knows no types of the kernel's")


def by_option(kernel: KernelFacts, option: str, subject: str, costs: str) -> Finding:
    if kernel.config is None:
        return unknown(
            subject,
            "the kernel's configuration is readable neither at /proc/config.gz nor in /boot: "
            "collect finds out by trying",
        )
    if kernel.config[option] == "n":
        return lacks(subject, f"the kernel was built without CONFIG_{option}", costs)
    return has(subject, f"CONFIG_{option}={kernel.config[option]}")
