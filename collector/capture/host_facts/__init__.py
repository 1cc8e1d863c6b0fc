"""What this host's kernel is and has, as far as the caller may read it: facts, no judgement."""

from collector.capture.host_facts._facts import CallerFacts, HostFacts, gather
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
    "gather",
]
