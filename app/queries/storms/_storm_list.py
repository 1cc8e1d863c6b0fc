"""A list of storms: what is shown of each, and what it was measured against."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from app.model.stats import BurstRule
from app.queries.figures import AtLeast
from app.queries.storms._interval_view import IntervalView


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


@dataclass(frozen=True, slots=True)
class StormView:
    """One storm in full."""

    storm: StormRow
    facts: IntervalView
