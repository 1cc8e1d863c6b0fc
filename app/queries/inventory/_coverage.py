"""What a recording can show and what it cannot, what collecting it cost, and what was lost."""

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from app.queries.inventory._recordings import RecordingView, find_recording
from app.store.protocol import Loss

if TYPE_CHECKING:
    from app.store.read import Reader


@dataclass(frozen=True, slots=True)
class LossSum:
    """What one source reported as lost on one CPU."""

    source: str
    cpu: Annotated[int | None, Field(description="Null where it concerns every CPU.")]
    stretches: int
    events: Annotated[int, Field(description="Of the stretches whose count is known.")]
    uncounted: Annotated[int, Field(description="Stretches of which only the fact is known.")]
    from_t: Annotated[int, Field(serialization_alias="from", description="Start of the first.")]
    to_t: Annotated[int, Field(serialization_alias="to", description="End of the last.")]


@dataclass(frozen=True, slots=True)
class CoverageView:
    """Null: not recorded."""

    recording: int
    source: Annotated[str, Field(examples=["tracefs"])]
    is_live: bool
    silent_ms: Annotated[int | None, Field(description="Since a live recording stored anything.")]
    behind_ms: Annotated[
        int | None,
        Field(description="How long ago that happened which a live recording stored last."),
    ]
    kernel_release: str | None
    sees: Annotated[dict[str, bool] | None, Field(description="By capability.")]
    conversion_ranges: Annotated[str | None, Field(description="seen, inferred or none")]
    missing: Annotated[
        list[dict[str, str]] | None, Field(description="capability, and what its lack costs")
    ]
    notes: Annotated[list[str], Field(description="Sentences of the source and the collector.")]
    events: Annotated[dict[str, int] | None, Field(description="Records used, by event.")]
    unused_events: Annotated[dict[str, int] | None, Field(description="Records of no use.")]
    host: Annotated[
        dict[str, Any] | None,
        Field(
            description="Facts of the host when it was recorded (kernel, kvm, tracing, tools, "
            "caller), and `findings`: what each means. As `gmemscope doctor --json` prints it."
        ),
    ]
    collector: Annotated[
        dict[str, Any] | None,
        Field(description="Counters of the collector: see docs/live.md. Renewed every 2 s."),
    ]
    lost_events: Annotated[int, Field(description="Of the losses whose count is known.")]
    losses: Annotated[list[LossSum], Field(description="By source and CPU.")]


def coverage_view(reader: "Reader", recording_id: int) -> CoverageView:
    """Raises NotFound."""
    recording = find_recording(reader, recording_id)
    return coverage_of(recording, reader.losses(recording_id))


def coverage_of(recording: RecordingView, losses: list[Loss]) -> CoverageView:
    kept = recording.coverage
    return CoverageView(
        recording=recording.id,
        source=recording.source,
        is_live=recording.is_live,
        silent_ms=recording.silent_ms,
        behind_ms=recording.behind_ms,
        kernel_release=recording.kernel_release,
        sees=kept.get("sees"),
        conversion_ranges=kept.get("conversion_ranges"),
        missing=kept.get("missing"),
        notes=kept.get("notes", []),
        events=kept.get("events"),
        unused_events=kept.get("unused_events"),
        host=kept.get("host"),
        collector=kept.get("collector"),
        lost_events=recording.lost_events,
        losses=loss_sums(losses),
    )


def loss_sums(losses: list[Loss]) -> list[LossSum]:
    """By source and CPU; losses of every CPU first."""

    def place(loss: Loss) -> tuple[str, int]:
        return loss.source, -1 if loss.cpu is None else loss.cpu

    return [sum_up(list(group)) for _, group in groupby(sorted(losses, key=place), key=place)]


def sum_up(losses: list[Loss]) -> LossSum:
    counts = [loss.count for loss in losses if loss.count is not None]
    return LossSum(
        losses[0].source,
        losses[0].cpu,
        len(losses),
        sum(counts),
        len(losses) - len(counts),
        min(loss.from_t for loss in losses),
        max(loss.to_t for loss in losses),
    )
