"""All that `gmemscope doctor` prints of a host."""

import os
from dataclasses import dataclass
from pathlib import Path

from collector.capture.choice import SOURCES, Choice, bpftrace_problem, choose
from collector.capture.doctor._finding import Finding, has, lacks
from collector.capture.doctor._findings import findings
from collector.capture.doctor._orphans import PROC, end, orphans
from collector.capture.host_facts import HostFacts, gather
from collector.capture.privileges import missing_for
from collector.capture.tracefs import TRACEFS, left_behind, remove_left_behind, tried


@dataclass(frozen=True, slots=True)
class Examination:
    facts: HostFacts
    findings: tuple[Finding, ...]
    choice: Choice | None  # None: collect cannot be run by this process
    refused: dict[str, tuple[str, ...]]  # source -> what this process lacks for it

    @property
    def can_collect(self) -> bool:
        """Could a collect work on this host, by root if not by this process?"""
        return not any(finding.prevents for finding in self.findings)


def examine(root: Path = Path("/")) -> Examination:
    """Look at this host. Probes and bpftrace are tried if this process may: some kernels have them
    but forbid them."""
    facts = gather(root)
    found = list(findings(facts))
    refused = {name: lacking for name in SOURCES if (lacking := missing_for(name))}
    if "tracefs" not in refused:
        found.append(try_probes())
    if "bpftrace" not in refused and facts.tools.programs["bpftrace"] is not None:
        found.append(try_bpftrace())
    is_possible = len(refused) < len(SOURCES) and not any(finding.prevents for finding in found)
    return Examination(facts, tuple(found), choice_of(refused) if is_possible else None, refused)


def choice_of(refused: dict[str, tuple[str, ...]]) -> Choice:
    """What `collect --source auto` takes, and why."""
    if not refused:
        return choose()
    (name,) = set(SOURCES) - set(refused)
    lacks_what = (f"{other} lacks {' and '.join(what)}" for other, what in refused.items())
    return Choice(name, "; ".join(lacks_what))


def try_bpftrace(command: str = "bpftrace") -> Finding:
    """By a program that attaches to an event and ends at once."""
    problem = bpftrace_problem(command)
    if problem is not None:
        return lacks("bpftrace at work", problem, "it cannot be used")
    return has("bpftrace at work", "a program was attached and ran")


def try_probes(tracefs: Path = TRACEFS) -> Finding:
    """By adding them and removing them at once."""
    subject, probes = "probes at work", tried(tracefs)
    if probes.are_event_probes:
        return has(subject, f"the kernel took {len(probes.added)} event probes")
    if probes.added:
        return has(subject, "the kernel took a kprobe, though no event probes")
    return lacks(
        subject,
        f"the kernel takes neither event probes nor kprobes ({probes.reasons})",
        "tracefs alone does not show what is in the structs that ioctls point to",
    )


def what_is_left(tracefs: Path = TRACEFS, proc: Path = PROC) -> list[str]:
    """A line for each thing that collectors which are no more left on this host, as far as this
    process may see it."""
    in_tracefs = left_behind(tracefs) if may_look(tracefs) else []
    return [*in_tracefs, *map(str, orphans(proc))]


def may_look(tracefs: Path) -> bool:
    return os.access(tracefs / "instances", os.R_OK | os.X_OK, effective_ids=True)


def clean(tracefs: Path = TRACEFS, proc: Path = PROC) -> tuple[list[str], list[str]]:
    """Remove what was left behind, nothing else; returns (removed, what stays and why)."""
    left = what_is_left(tracefs, proc)
    for orphan in orphans(proc):
        end(orphan)
    stays = remove_left_behind(tracefs) if may_look(tracefs) else []
    removed = [line for line in left if not any(stay.startswith(line) for stay in stays)]
    return removed, stays
