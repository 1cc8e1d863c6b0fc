"""What an import prints of the recording that it made."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Engine


def summarise(engine: "Engine", recording_id: int, lost_events: int | None) -> dict[str, Any]:
    """What a recording holds; `lost_events` as the source counted them, None: as stored."""
    from app.queries.figures import is_recorded
    from app.queries.inventory import conversion_counts
    from app.store.read import Reader

    reader = Reader(engine)
    recording = reader.recording(recording_id)
    all_vms = reader.vms(recording_id, include_unattributed=True)
    named = [vm for vm in all_vms if not vm.is_unattributed]
    stray = [vm for vm in all_vms if vm.is_unattributed]
    events: Counter[str] = Counter()
    for vm in all_vms:
        events.update(vm.events_by_kind)
    slots = sum(len(reader.memslots(vm.id)) for vm in named)
    has_slots = slots or is_recorded(recording.coverage, "memslot")
    lost = recording.lost_events if lost_events is None else lost_events
    return {
        "recording": recording_id,
        "state": recording.state,
        "incomplete_reason": recording.incomplete_reason,
        "vms": [
            {
                "id": vm.id,
                "name": vm.name,
                "pid": vm.pid,
                "vm_fd": vm.vm_fd,
                "may_be_several": vm.may_be_several,
            }
            for vm in named
        ],
        "events": dict(events),
        "conversions": _conversions(
            asdict(conversion_counts(all_vms)), is_recorded(recording.coverage, "conversion")
        ),
        "memslots": slots if has_slots else None,
        "lost_events": lost,
        "losses": recording.losses,
        "unattributed": {
            "vm": stray[0].id if stray else None,
            "conversions": sum(vm.requested for vm in stray),
        },
        "missing": [gap["costs"] for gap in recording.coverage.get("missing", [])],
        "already_imported": False,
    }


def _conversions(counts: dict[str, Any], are_recorded: bool) -> dict[str, Any]:
    """Null in place of each count, where a recording could not hold any and holds none."""
    if are_recorded or counts["requested"]:
        return counts
    return dict.fromkeys(counts) | {"at_least": []}


def summary_lines(path: Path, summary: dict[str, Any]) -> list[str]:
    from collector.trace.errors import shown_name

    known = " (already imported; --again imports it anew)" if summary["already_imported"] else ""
    lines = [
        f"recording {summary['recording']}: {shown_name(path)}{known}",
        f"  {conversions_text(summary)}",
    ]
    for vm in summary["vms"]:
        pid = "" if vm["pid"] is None else f" (pid {vm['pid']})"
        pid = pid * (pid not in vm["name"])  # VMs of one name are distinguished by that already
        several = ", may be several VMs" * vm["may_be_several"]
        lines.append(f"  vm {vm['id']}: {vm['name']}{pid}{several}")
    lines.append(f"  {memslots_text(summary)}, {summary['lost_events']:,} events lost")
    if summary["unattributed"]["conversions"]:
        lines.append(
            f"  {summary['unattributed']['conversions']:,} conversions on no VM that is known"
        )
    return lines + [f"  not in this recording: {cost}" for cost in summary["missing"]]


def conversions_text(summary: dict[str, Any]) -> str:
    from app.queries.inventory import ConversionCounts, conversions_line

    if summary["conversions"]["requested"] is None:
        return "conversions not recorded"
    return conversions_line(ConversionCounts(**summary["conversions"]))


def memslots_text(summary: dict[str, Any]) -> str:
    slots = summary["memslots"]
    return "memslots not recorded" if slots is None else f"{slots} memslots"
