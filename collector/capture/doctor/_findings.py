"""All findings about a host, in the order in which a reader needs them."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from collector.capture.doctor._finding import Finding, has
from collector.capture.doctor._kvm import kvm_findings
from collector.capture.doctor._running import caller_finding, tool_findings
from collector.capture.doctor._tracing import tracing_findings
from collector.capture.host_facts import HostFacts


def host_coverage(facts: HostFacts) -> dict[str, Any]:
    """What coverage["host"] of a live recording holds: the facts, and what they mean."""
    return facts.as_json() | {"findings": [asdict(finding) for finding in findings(facts)]}


def findings(facts: HostFacts) -> Iterator[Finding]:
    kernel = facts.kernel
    yield has("kernel", f"{kernel.release} {kernel.machine}, {kernel.version}")
    yield from kvm_findings(facts.kvm)
    yield from tracing_findings(facts.tracing, kernel)
    yield from tool_findings(facts.tools)
    yield caller_finding(facts.caller)
