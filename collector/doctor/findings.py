"""All findings about a host, in the order in which a reader needs them."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from collector.doctor.finding import Finding, has
from collector.doctor.kvm import kvm_findings
from collector.doctor.running import caller_finding, tool_findings
from collector.doctor.tracing import tracing_findings
from collector.host_facts import HostFacts


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
