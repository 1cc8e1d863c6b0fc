"""All facts of a host, and how they are kept in a recording's coverage."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from collector.capture.host_facts._kernel import KernelFacts, kernel_facts
from collector.capture.host_facts._kvm import KvmFacts, kvm_facts
from collector.capture.host_facts._tools import ToolFacts, tool_facts
from collector.capture.host_facts._tracing import TracingFacts, tracing_facts
from collector.capture.host_facts._tree import Tree
from collector.capture.privileges import effective_capabilities


@dataclass(frozen=True, slots=True)
class CallerFacts:
    uid: int
    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HostFacts:
    kernel: KernelFacts
    kvm: KvmFacts
    tracing: TracingFacts
    tools: ToolFacts
    caller: CallerFacts
    forbidden: tuple[str, ...]  # files that the caller may not read

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"vm_types": self.kvm.vm_types()}


def boot_id(root: Path = Path("/")) -> str | None:
    """What distinguishes this boot of the host from all others (random(4))."""
    return Tree(root).text("/proc/sys/kernel/random/boot_id")


def gather(root: Path = Path("/")) -> HostFacts:
    """Reads files and asks /dev/kvm; starts and changes nothing."""
    tree = Tree(root)
    kernel = kernel_facts(tree)
    return HostFacts(
        kernel,
        kvm_facts(tree),
        tracing_facts(tree),
        tool_facts(tree, kernel.release),
        CallerFacts(os.geteuid(), effective_capabilities()),
        tuple(tree.forbidden),
    )
