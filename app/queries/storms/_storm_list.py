"""A list of storms: what is shown of each, and what it was measured against."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from app.model.stats import BurstRule
from app.queries.figures import AtLeast, row_id
from app.queries.storms._interval_view import IntervalView
from app.queries.storms._statistics import per_second
from app.store.read import Reader
from app.store.schema import KeptStorm, Vm

BOOT = "boot"
"""The kind of what is written down of a boot."""
PAGES_CHANGED = "pages_changed"


@dataclass(frozen=True, slots=True)
class StormRow:
    """One storm of a list."""

    id: Annotated[str, Field(examples=["c59880"], description="Stable: its first event's number.")]
    kind: Annotated[str, Field(description="conversions, or page faults")]
    from_t: Annotated[int, Field(serialization_alias="from")]
    to_t: Annotated[int, Field(serialization_alias="to", description="Just after its last event.")]
    in_boot: Annotated[bool, Field(description="It began while the guest booted.")]
    calls: int
    failed: Annotated[int, Field(description="Of conversions.")]
    per_second: float
    peak_per_second: Annotated[float, Field(description="In 134 ms.")]
    pages_changed: Annotated[int | None, Field(description="By conversions; each time counts.")]
    at_least: AtLeast
    is_kept: Annotated[
        bool, Field(description="False: its events are no longer kept, and it is not counted anew.")
    ] = True


@dataclass(frozen=True, slots=True)
class Baseline:
    """What bursts of one kind were measured against, per second."""

    kind: str
    baseline_per_second: float
    threshold_per_second: float
    rule: BurstRule
    is_recorded: Annotated[bool, Field(description="False: the recording cannot hold any.")]


@dataclass(frozen=True, slots=True)
class Boot:
    """From the guest's creation until it was first calm: a phase, whatever storms are in it."""

    from_t: Annotated[int, Field(serialization_alias="from")]
    to_t: Annotated[int, Field(serialization_alias="to")]
    conversions: int
    failed: int
    page_faults: int | None
    peak_per_second: Annotated[float, Field(description="Conversions, in 134 ms.")]
    pages_changed: Annotated[int | None, Field(description="By conversions; each time counts.")]
    at_least: AtLeast


@dataclass(frozen=True, slots=True)
class StormList:
    """The storms of a VM by start, and what counted as one."""

    vm: int
    storms: list[StormRow]
    measured: list[Baseline]
    boot_end_t: Annotated[int | None, Field(description="Null: its creation was not seen.")]
    boot: Annotated[Boot | None, Field(description="Null: no burst followed its creation.")]
    has_times: Annotated[
        bool, Field(description="False: the recording has none, so no storm can be found in it.")
    ] = True
    found_before_t: Annotated[
        int | None,
        Field(
            description="Storms that began before it are those that were found by the usual "
            "thresholds before events around them went (retention). Null: none did."
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class StormView:
    """One storm in full."""

    storm: StormRow
    facts: IntervalView


def kept_storms(reader: Reader, vm: Vm) -> tuple[list[StormRow], Boot | None]:
    """Those that began before the time from which on all events are kept."""
    gone = [(one.from_t, one.to_t) for one in reader.expired(row_id(vm))]
    storms, boot = [], None
    for row in reader.kept_storms(row_id(vm)):
        is_kept = not any(first < row.to_t and last >= row.from_t for first, last in gone)
        if row.kind == BOOT:
            boot = _boot(row)
        elif row.from_t <= gone[-1][1]:
            storms.append(_storm(row, is_kept=is_kept))
    return storms, boot


def _least(row: KeptStorm) -> list[str]:
    return [PAGES_CHANGED] if row.is_at_least else []


def _storm(row: KeptStorm, *, is_kept: bool) -> StormRow:
    return StormRow(
        id=row.storm_id,
        kind=row.kind,
        from_t=row.from_t,
        to_t=row.to_t,
        in_boot=row.in_boot,
        calls=row.calls,
        failed=row.failed,
        per_second=per_second(row.calls, row.from_t, row.to_t),
        peak_per_second=row.peak_per_second,
        pages_changed=row.pages_changed,
        at_least=_least(row),
        is_kept=is_kept,
    )


def _boot(row: KeptStorm) -> Boot:
    return Boot(
        row.from_t,
        row.to_t,
        row.calls,
        row.failed,
        row.page_faults,
        row.peak_per_second,
        row.pages_changed,
        _least(row),
    )
