"""What KVM can by its own word, and the module parameters that decide where conversions happen."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from collector.capture.host_facts._tree import Tree
from collector.kvm import uapi

CAPABILITIES = {
    "EXIT_HYPERCALL": uapi.KVM_CAP_EXIT_HYPERCALL,
    "USER_MEMORY2": uapi.KVM_CAP_USER_MEMORY2,
    "MEMORY_FAULT_INFO": uapi.KVM_CAP_MEMORY_FAULT_INFO,
    "MEMORY_ATTRIBUTES": uapi.KVM_CAP_MEMORY_ATTRIBUTES,
    "GUEST_MEMFD": uapi.KVM_CAP_GUEST_MEMFD,
    "VM_TYPES": uapi.KVM_CAP_VM_TYPES,
    "PRE_FAULT_MEMORY": uapi.KVM_CAP_PRE_FAULT_MEMORY,
    "GUEST_MEMFD_FLAGS": uapi.KVM_CAP_GUEST_MEMFD_FLAGS,
}

VM_TYPES = {
    uapi.KVM_X86_DEFAULT_VM: "DEFAULT",
    uapi.KVM_X86_SW_PROTECTED_VM: "SW_PROTECTED",
    uapi.KVM_X86_SEV_VM: "SEV",
    uapi.KVM_X86_SEV_ES_VM: "SEV_ES",
    uapi.KVM_X86_SNP_VM: "SNP",
    uapi.KVM_X86_TDX_VM: "TDX",
}

PARAMETERS = {
    "kvm": ("vm_memory_attributes", "gmem_in_place_conversion", "tdp_mmu"),
    "kvm_intel": ("tdx", "ept"),
    "kvm_amd": ("sev", "sev_es", "sev_snp", "npt"),
}


@dataclass(frozen=True, slots=True)
class KvmFacts:
    """`problem` is why nothing is known of the capabilities."""

    modules: tuple[str, ...]
    parameters: dict[str, str]  # "module.parameter" -> value, of those that this kernel has
    capabilities: dict[str, int] | None
    problem: str | None = None

    def vm_types(self) -> list[str] | None:
        if self.capabilities is None:
            return None
        mask = self.capabilities["VM_TYPES"]
        return [name for bit, name in VM_TYPES.items() if mask >> bit & 1]

    def in_place_by(self) -> str | None:
        """The parameter by which guest_memfds hold the attributes, not the VM; None: the VM does.
        Of kernels not yet released: the series' posts up to v8 had the first, later ones the other.
        """
        for name, value in (("vm_memory_attributes", "N"), ("gmem_in_place_conversion", "Y")):
            if self.parameters.get(f"kvm.{name}") == value:
                return f"kvm.{name}={value}"
        return None


def kvm_facts(tree: Tree) -> KvmFacts:
    modules = [name for name in tree.names("/sys/module") or () if name.startswith("kvm")]
    parameters = {}
    for module, names in PARAMETERS.items():
        for name in names:
            value = tree.text(f"/sys/module/{module}/parameters/{name}")
            if value is not None:
                parameters[f"{module}.{name}"] = value
    capabilities, problem = check_extensions(tree.path("/dev/kvm"))
    return KvmFacts(tuple(modules), parameters, capabilities, problem)


def check_extensions(device: Path) -> tuple[dict[str, int] | None, str | None]:
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        return None, f"/dev/kvm cannot be opened: {error.strerror}"
    try:
        return {
            name: fcntl.ioctl(descriptor, uapi.KVM_CHECK_EXTENSION, number)
            for name, number in CAPABILITIES.items()
        }, None
    except OSError as error:
        return None, f"/dev/kvm does not answer: {error.strerror}"
    finally:
        os.close(descriptor)
