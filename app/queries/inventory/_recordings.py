"""What is shown of a recording."""

import time
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from app.model.guest import Capability
from app.queries.figures import row_id
from app.queries.inventory._chapters import ChapterView, chapter_views
from app.store.catalogue import Catalogue, Writing
from app.store.database import what_is_missing
from app.store.protocol import Loss
from app.store.schema import Recording, RecordingState

NOT_ASKED = "The gmemscope that made this recording did not ask for it yet."


@dataclass(frozen=True, slots=True)
class RecordingView:
    """One continuous observation of one host."""

    id: int
    uuid: str
    name: str
    host: str
    host_id: int
    source: Annotated[str, Field(examples=["trace.dat"])]
    state: Annotated[
        str,
        Field(description="writing, complete or incomplete; incomplete as soon as its writer died"),
    ]
    incomplete_reason: Annotated[str | None, Field(description="What is missing, and why.")]
    is_damaged: Annotated[
        bool, Field(description="As far as it was read: not all of it is what was stored.")
    ]
    is_live: Annotated[bool, Field(description="It is being written now, as things happen.")]
    silent_ms: Annotated[
        int | None,
        Field(description="While it is written: how long ago something was stored last."),
    ]
    behind_ms: Annotated[
        int | None,
        Field(
            description="While a live recording is written: how long ago that happened which is "
            "stored last. Null: its collector does not report it."
        ),
    ]
    clock: Annotated[str, Field(description="The trace's own clock.", examples=["mono"])]
    clock_start_ns: Annotated[str, Field(description="That clock at t = 0, ns, as text.")]
    wall_start_ns: Annotated[str | None, Field(description="UNIX time of t = 0, ns, as text.")]
    kernel_release: str | None
    origin: Annotated[str | None, Field(description="Base name of the imported file.")]
    last_t: Annotated[int, Field(description="What is stored reaches up to here, ns.")]
    lost_events: Annotated[int, Field(description="Of the losses whose count is known.")]
    losses: Annotated[int, Field(description="Stretches in which events were lost.")]
    vms: Annotated[list[int], Field(description="Ids of its VMs.")]
    chapters: Annotated[
        list[ChapterView],
        Field(
            description="Runs of the recorder. Between two of them nothing was recorded, and for "
            "the times of each its own clocks hold."
        ),
    ]
    coverage: Annotated[dict[str, Any], Field(description="What it can and cannot show.")]


LATE_MS = 5000
"""A collector that keeps up is behind by less than a second."""
DAMAGED = "the database is damaged"
NO_HOST = "unknown"
"""In place of a host whose row is lost: the recording is shown as damaged then."""


def recording_views(reader: Catalogue) -> list[RecordingView]:
    """All recordings, oldest first."""
    recordings = reader.recordings()
    # Asked for later, so that the host of the newest recording is among them.
    hosts = {host.id: host.name for host in reader.hosts()}
    vms: dict[int, list[int]] = {}
    for vm in reader.vms(include_unattributed=True):
        vms.setdefault(vm.recording_id, []).append(row_id(vm))
    return [
        recording_view(
            reader, recording, hosts.get(recording.host_id, NO_HOST), vms.get(row_id(recording), [])
        )
        for recording in recordings
    ]


def recording_view(
    reader: Catalogue, recording: Recording, host: str, vms: list[int]
) -> RecordingView:
    """Compose what is shown of a recording. One whose writer died is incomplete at once,
    though that is stored only when the next one opens the database to write; so is one of which
    damage was met."""
    wall, writing = recording.wall_start_ns, reader.writing(recording)
    is_written = writing is not None and writing.is_alive
    lost = [loss for vm in vms for loss in reader.losses_by_damage(vm)]
    reasons = what_is_wrong(reader, recording, writing, lost)
    return RecordingView(
        id=row_id(recording),
        uuid=recording.uuid,
        name=recording.name,
        host=host,
        host_id=recording.host_id,
        source=recording.source,
        state=RecordingState.INCOMPLETE if reasons and not is_written else recording.state,
        incomplete_reason="; ".join(reasons) or None,
        is_damaged=any(reason.startswith(DAMAGED) for reason in reasons),
        is_live=recording.is_live and is_written,
        silent_ms=writing.silent_ns // 10**6 if writing is not None and is_written else None,
        behind_ms=behind_ms(recording) if recording.is_live and is_written else None,
        clock=recording.clock,
        clock_start_ns=str(recording.clock_start_ns),
        wall_start_ns=None if wall is None else str(wall),
        kernel_release=recording.kernel_release,
        origin=recording.origin,
        last_t=recording.last_t,
        lost_events=recording.lost_events + sum(loss.count or 0 for loss in lost),
        losses=recording.losses + len(lost),
        vms=vms,
        chapters=chapter_views(reader, recording),
        coverage=with_later_questions(recording.coverage),
    )


def with_later_questions(kept: dict[str, Any]) -> dict[str, Any]:
    """A recording's coverage; what its gmemscope did not ask for yet is missing, too."""
    seen: dict[str, bool] = kept.get("sees", {})
    later = [one.value for one in Capability if one.value not in seen] if "sees" in kept else []
    if not later:
        return kept
    missing = [{"capability": one, "costs": NOT_ASKED} for one in later]
    return kept | {
        "sees": seen | dict.fromkeys(later, False),
        "missing": [*kept.get("missing", ()), *missing],
    }


def behind_ms(recording: Recording) -> int | None:
    """By what its collector stored last of the recording's clock and of the wall's: it may be at
    work for long on what it has not stored yet."""
    counters = recording.coverage.get("collector", {})
    if "at_t" not in counters:
        return None
    since_ms = time.time_ns() // 10**6 - int(counters["at_unix_ms"])
    return max(0, int(counters["at_t"] - recording.complete_t) // 10**6 + since_ms)


def what_is_wrong(
    reader: Catalogue, recording: Recording, writing: Writing | None, lost: list[Loss]
) -> list[str]:
    """Sentences on why a recording is not all that it should be."""
    reasons = [recording.incomplete_reason] if recording.incomplete_reason else []
    if writing is not None and not writing.is_alive:
        reasons = [what_is_missing(recording, writing.word)]
    damaged = reader.damaged_rows(recording)
    if lost:
        events = sum(loss.count or 0 for loss in lost)
        where = "1 stretch" if len(lost) == 1 else f"{len(lost)} stretches"
        damaged.append(f"{events:,} events in {where}, now a loss")
    if damaged:
        advice = "gmemscope check lists all damage"
        reasons.append(f"{DAMAGED} ({', '.join(damaged)}); {advice}")
    return reasons


def find_recording(reader: Catalogue, recording_id: int) -> RecordingView:
    """One recording by id. Raises NotFound."""
    recording = reader.recording(recording_id)
    names = (host.name for host in reader.hosts() if host.id == recording.host_id)
    host = next(names, NO_HOST)
    vms = reader.vms(recording_id, include_unattributed=True)
    ids = [row_id(vm) for vm in vms]
    return recording_view(reader, recording, host, ids)


@dataclass(frozen=True, slots=True)
class LossView:
    """A stretch in which events were lost."""

    from_t: Annotated[int, Field(serialization_alias="from")]
    to_t: Annotated[int, Field(serialization_alias="to")]
    count: Annotated[int | None, Field(description="Null where only the fact is known.")]
    cpu: Annotated[int | None, Field(description="Null where it concerns every CPU.")]
    source: str


def loss_view(loss: Loss) -> LossView:
    return LossView(loss.from_t, loss.to_t, loss.count, loss.cpu, loss.source)
