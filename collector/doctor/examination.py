"""All that `gmemscope doctor` says of a host."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from collector.doctor.finding import Finding, has, lacks
from collector.doctor.findings import findings
from collector.doctor.orphans import PROC, end, orphans
from collector.host_facts import HostFacts, gather
from collector.privileges import missing_for
from collector.sources.choice import SOURCES, Choice, choose
from collector.sources.tracefs_left import TRACEFS, left_behind, remove_left_behind

BPFTRACE_PATIENCE_S = 30.0


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
    """Look at this host. As root, bpftrace is tried, for some kernels have it but forbid it."""
    facts = gather(root)
    found = list(findings(facts))
    refused = {name: lacking for name in SOURCES if (lacking := missing_for(name))}
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
    """Run a program that attaches to an event and ends at once."""
    program = "tracepoint:syscalls:sys_enter_ioctl { exit(); } BEGIN { exit(); }"
    try:
        ran = subprocess.run(
            [command, "-e", program], capture_output=True, text=True, timeout=BPFTRACE_PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return lacks("bpftrace at work", str(error), "it cannot be used")
    if ran.returncode != 0:
        words = " / ".join(ran.stderr.strip().splitlines()[-2:])
        return lacks("bpftrace at work", f"it refused to run: {words}", "it cannot be used")
    return has("bpftrace at work", "a program was attached and ran")


def what_is_left(tracefs: Path = TRACEFS, proc: Path = PROC) -> list[str]:
    """A line for each thing that collectors which are no more left on this host."""
    return [*left_behind(tracefs), *map(str, orphans(proc))]


def clean(tracefs: Path = TRACEFS, proc: Path = PROC) -> tuple[list[str], list[str]]:
    """Remove what was left behind, nothing else; returns (removed, what stays and why)."""
    left = what_is_left(tracefs, proc)
    for orphan in orphans(proc):
        end(orphan)
    stays = remove_left_behind(tracefs)
    removed = [line for line in left if not any(stay.startswith(line) for stay in stays)]
    return removed, stays
