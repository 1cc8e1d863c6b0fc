"""What this host's kernel is and has, as far as the caller may read it: facts, no judgement.

Files below a root are read, capabilities of KVM are asked for, and each fact is True, False or,
where it could not be read, None.
"""

from collector.capture.host_facts._facts import CallerFacts, HostFacts, boot_id, gather
from collector.capture.host_facts._kernel import KernelFacts
from collector.capture.host_facts._kvm import KvmFacts
from collector.capture.host_facts._tools import ToolFacts
from collector.capture.host_facts._tracing import TracingFacts

__all__ = [
    "CallerFacts",
    "HostFacts",
    "KernelFacts",
    "KvmFacts",
    "ToolFacts",
    "TracingFacts",
    "boot_id",
    "gather",
]
