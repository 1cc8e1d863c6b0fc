"""What this host's kernel is and has, as far as the caller may read it: facts, no judgement."""

from collector.host_facts.facts import HostFacts, gather

__all__ = ["HostFacts", "gather"]
