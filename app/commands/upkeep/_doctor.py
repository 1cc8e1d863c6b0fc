"""`gmemscope doctor`: what this host lets a recording show, and what it does not."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.usage import Json
from app.errors import HostError

if TYPE_CHECKING:
    from collector.capture.doctor import Examination

Clean = Annotated[
    bool,
    typer.Option(
        "--clean",
        help="Remove what collectors that are no more left behind: tracing instances and probes "
        "under their names, and their bpftrace. Nothing else.",
    ),
]
SIGNS = {"has": "+", "lacks": "-", "unknown": "?"}


def command(clean: Clean = False, as_json: Json = False) -> None:
    """List what this host lets a recording show, and what each missing piece costs.

    Changes nothing without --clean. Without root, lists what may be read and what root would read.
    Exit status 3: nothing can be recorded on this host.
    """
    from collector.capture.doctor import clean as clean_up, examine, what_is_left

    if clean and os.geteuid() != 0:
        raise HostError("removing what was left behind needs root: use sudo")
    removed, stays = clean_up() if clean else ([], [])
    examination = examine()
    facts = {
        "can_collect": examination.can_collect,
        "source": None if examination.choice is None else asdict(examination.choice),
        "refused": examination.refused,
        "findings": [asdict(finding) for finding in examination.findings],
        "left_behind": what_is_left(),
        "removed": removed,
        "not_removed": stays,
        "host": examination.facts.as_json(),
    }
    print(json.dumps(facts) if as_json else "\n".join(lines_of(examination, facts)))
    if not examination.can_collect:
        why = "; ".join(found.says for found in examination.findings if found.prevents)
        raise HostError(f"nothing can be recorded on this host: {why}")


def lines_of(examination: "Examination", facts: dict[str, Any]) -> Iterator[str]:
    for finding in examination.findings:
        yield f"{SIGNS[finding.status]} {finding.subject}: {finding.says}"
        if finding.costs:
            yield f"    costs: {finding.costs}"
    yield ""
    yield from source_lines(examination)
    yield from left_lines(facts)


def source_lines(examination: "Examination") -> Iterator[str]:
    if examination.choice is not None:
        yield f"collect takes {examination.choice.name}: {examination.choice.reason}"
    for name, missing in examination.refused.items():
        yield f"this process may not record by {name}: it lacks {' and '.join(missing)}"
    forbidden = examination.facts.forbidden
    if forbidden:
        yield f"root could also read {', '.join(forbidden)}"


def left_lines(facts: dict[str, Any]) -> Iterator[str]:
    yield from (f"removed: {line}" for line in facts["removed"])
    yield from (f"could not be removed: {line}" for line in facts["not_removed"])
    for line in facts["left_behind"]:
        yield f"left behind: {line}"
    if facts["left_behind"] and not facts["not_removed"]:
        yield "gmemscope doctor --clean removes what was left behind"
