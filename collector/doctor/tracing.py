"""Which events there are to record, and the means to read what they do not tell."""

from collections.abc import Iterator

from collector.doctor.finding import Finding, has, lacks, unknown
from collector.host_facts.kernel import KernelFacts
from collector.host_facts.tracing import TracingFacts

COST_OF_EVENT = {
    "syscalls:sys_enter_ioctl": "nothing that VMMs ask KVM for can be seen",
    "syscalls:sys_exit_ioctl": "whether a call succeeded is not known",
    "syscalls:sys_enter_fallocate": "guest_memfd pages that are punched or allocated are not seen",
    "syscalls:sys_exit_fallocate": "whether a punch or an allocation succeeded is not known",
    "syscalls:sys_enter_close": "the end of a VM is inferred from its process or descriptor",
    "syscalls:sys_enter_dup": "a descriptor that was duplicated is not followed",
    "kvm:kvm_vm_set_mem_attributes": (
        "the range of a conversion comes from an event probe or bpftrace; by neither, from what "
        "the guest asked for, or it is unknown"
    ),
    "kvm:kvm_userspace_exit": "whether the guest or the VMM wanted a conversion is not known",
    "kvm:kvm_hypercall": "what a guest asks for by KVM_HC_MAP_GPA_RANGE is not seen",
    "kvm:kvm_page_fault": "guest faults are not seen, so no storm of private faults",
    "kvm:kvm_unmap_hva_range": "when the host took shared pages away is not seen",
    "kvm:kvm_vmgexit_enter": "page-state changes of SEV-SNP guests are not seen by themselves",
    "kvm:kvm_vmgexit_msr_protocol_enter": "early page-state changes of SEV-SNP guests are not seen",
    "kvm:kvm_rmp_fault": "2 MiB pages that SEV-SNP splits are not seen",
    "kvmmmu:kvm_tdp_mmu_spte_changed": "which mappings KVM made or took away is not seen",
    "filemap:mm_filemap_add_to_page_cache": "pages that a guest_memfd gains are not counted",
    "filemap:mm_filemap_delete_from_page_cache": "pages that a guest_memfd loses are not counted",
    "task:task_newtask": "threads are matched to processes by /proc, which may come too late",
    "sched:sched_process_exit": "the end of a VMM is not seen",
}
ESSENTIAL = ("syscalls:sys_enter_ioctl", "syscalls:sys_exit_ioctl")
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
    yield has("events", f"{len(there)} of the {len(events)} that tell of guest memory")
    for name, is_there in events.items():
        if not is_there:
            says = "the kernel has no such event"
            yield lacks(name, says, COST_OF_EVENT[name], prevents=name in ESSENTIAL)


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
