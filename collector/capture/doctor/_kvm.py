"""What KVM lets guests do, and what of it can be followed."""

from collections.abc import Iterator

from collector.capture.doctor._finding import Finding, has, lacks, unknown
from collector.capture.host_facts import KvmFacts
from collector.kvm import uapi


def kvm_findings(kvm: KvmFacts) -> Iterator[Finding]:
    if not kvm.modules:
        yield lacks(
            "KVM", "the kernel has no module kvm", "there are no VMs to record", prevents=True
        )
        return
    yield has("KVM", f"modules {', '.join(kvm.modules)}")
    if kvm.capabilities is None:
        yield unknown(
            "KVM capabilities",
            f"{kvm.problem}; as root, or in the group kvm, they could be asked for",
        )
    else:
        yield from capability_findings(kvm, kvm.capabilities)
    yield from place_of_attributes(kvm)


def capability_findings(kvm: KvmFacts, of: dict[str, int]) -> Iterator[Finding]:
    yield has("types of VM", ", ".join(kvm.vm_types() or ()) or "only the default one")
    if of["MEMORY_ATTRIBUTES"]:
        yield has("memory attributes", "KVM_SET_MEMORY_ATTRIBUTES converts pages")
    else:
        yield lacks(
            "memory attributes",
            "KVM offers no KVM_SET_MEMORY_ATTRIBUTES to any VM",
            "no guest of this host can convert pages by it: what can be private stays as it was "
            "created, and each attempt is shown as failed",
        )
    if of["GUEST_MEMFD"]:
        flags = of["GUEST_MEMFD_FLAGS"]
        can = [
            name
            for bit, name in (
                (uapi.GUEST_MEMFD_FLAG_MMAP, "mappable"),
                (uapi.GUEST_MEMFD_FLAG_INIT_SHARED, "shared"),
            )
            if flags & bit
        ]
        yield has("guest_memfd", f"yes{', also ' + ' and '.join(can) if can else ''}")
    else:
        yield lacks("guest_memfd", "KVM has none", "all memory of guests is mapped by their VMMs")
    if not of["MEMORY_FAULT_INFO"]:
        yield lacks(
            "memory-fault exits",
            "KVM has no KVM_EXIT_MEMORY_FAULT",
            "implicit conversions cannot be distinguished from those that a guest asked for",
        )


def place_of_attributes(kvm: KvmFacts) -> Iterator[Finding]:
    """In-place conversion is decided by a parameter of the module, not of the VM."""
    moved_by = kvm.in_place_by()
    if moved_by is not None:
        yield lacks(
            "conversions by VM",
            f"guest_memfds are converted in place ({moved_by})",
            "KVM has no event for that: only the VMM's call on the guest_memfd is seen, and "
            "kvm_vm_set_mem_attributes stays silent",
        )
    elif kvm.capabilities is not None and kvm.capabilities["MEMORY_ATTRIBUTES"]:
        yield has("conversions by VM", "no module parameter moves them into the guest_memfds")
