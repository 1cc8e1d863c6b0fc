"""Conversions by what distinguishes them, with names that people use, most calls first."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from app.model.guest import UNKNOWN_VCPU, Cause, Certainty, Memslot, Outcome, To
from app.model.stats import NO_RANGE, NO_SLOT, CallSums, Difference, Dimension, SizeClass, size_name
from app.queries.events import NO_LAYOUT, NOT_KNOWN, SIZE_NAMES, errno_name, slot_text
from app.queries.figures import AtLeast
from app.queries.storms._statistics import Statistic, count

ROWS_SHOWN = 20


Calls = Annotated[int, Statistic(lambda sums: sums.calls)]
Failed = Annotated[int, Statistic(lambda sums: sums.failed)]
EffectivePages = Annotated[
    int | None,
    Statistic(lambda sums: sums.effective_pages, is_open=lambda sums: sums.uncertain > 0),
]
TimeInCalls = Annotated[
    int | None,
    Statistic(lambda sums: sums.latency_ns, is_open=lambda sums: sums.timed < sums.calls),
]
"""Statistics of the conversions that have something in common (`app.model.stats.CallSums`)."""


@dataclass(frozen=True, slots=True)
class BreakdownRow:
    """The conversions that have one value in common."""

    value: str
    calls: Calls
    applied: Annotated[int, Statistic(lambda sums: sums.applied)]
    failed: Failed
    effective_pages: EffectivePages
    latency_ns: Annotated[
        TimeInCalls, Field(description="Time spent in the calls whose end was seen.")
    ]
    at_least: AtLeast
    share: Annotated[float, Field(description="Of the interval's conversions.")]
    filter: Annotated[
        str | None,
        Field(description="Parameters of `events` that leave just these, with kind=conversion."),
    ]


@dataclass(frozen=True, slots=True)
class Breakdown:
    """One way to distinguish conversions."""

    dimension: str
    rows: list[BreakdownRow]
    values: Annotated[int, Field(description="How many values there are; the first are in rows.")]


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """A value that was met more, or less, often than in the interval before."""

    dimension: str
    value: str
    calls_during: int
    calls_before: int
    share_during: float
    share_before: Annotated[
        float | None, Field(description="Null: there was no call in the interval before.")
    ]
    filter: Annotated[str | None, Field(description="As that of a breakdown's row.")]


Slots = Sequence[Memslot] | None
"""Those that the breakdown was made with; None: no memslot of the VM was ever known."""


def value_name(dimension: Dimension, value: int, slots: Slots) -> str:
    """What a value is called."""
    match dimension:
        case Dimension.DIRECTION:
            return f"to {To(value).name.lower()}"
        case Dimension.OUTCOME:
            return Outcome(value).name.lower()
        case Dimension.ERRNO:
            return errno_name(value) if value else "none"
        case Dimension.CAUSE:
            return _cause_name(Cause(value >> 8), Certainty(value & 0xFF))
        case Dimension.SIZE:
            return size_name(value)
        case Dimension.VCPU:
            return "not known" if value == UNKNOWN_VCPU else f"vCPU {value}"
        case Dimension.THREAD:
            return f"thread {value}" if value else "not known"
        case Dimension.MEMSLOT:
            return _slot_name(value, slots)


def _cause_name(cause: Cause, certainty: Certainty) -> str:
    if cause == Cause.NONE:
        return "not recorded"
    name = "VMM" if cause == Cause.VMM else cause.name.lower()
    return f"{name} ({certainty.name.lower()})"


def _slot_name(value: int, slots: Slots) -> str:
    if value == NO_RANGE:
        return "range not recorded"
    if slots is None:
        return NO_LAYOUT
    if value < 0:
        return "no memslot"
    slot = slots[value]
    number = "a memslot" if slot.slot < 0 else f"memslot {slot.slot}"
    return f"{number} at {slot.base_gfn << 12:#x}"


def common_values() -> frozenset[str]:
    """Names of values that any recording may have: they name no thread, vCPU, errno or memslot."""
    numbers = {
        Dimension.DIRECTION: To,
        Dimension.OUTCOME: Outcome,
        Dimension.ERRNO: (0,),
        Dimension.CAUSE: [cause << 8 | certainty for cause in Cause for certainty in Certainty],
        Dimension.SIZE: range(len(SizeClass)),
        Dimension.VCPU: (UNKNOWN_VCPU,),
        Dimension.THREAD: (0,),
        Dimension.MEMSLOT: (NO_RANGE, NO_SLOT),
    }
    return frozenset(
        value_name(dimension, number, slots)
        for dimension in Dimension
        for number in numbers[dimension]
        for slots in (None, ())
    )


def filter_text(
    dimension: Dimension, value: int, values: Collection[int], slots: Slots
) -> str | None:
    """What leaves the calls of one of a table's values, as links have it; None: nothing does."""
    match dimension:
        case Dimension.DIRECTION | Dimension.OUTCOME:
            members = To if dimension is Dimension.DIRECTION else Outcome
            return f"{dimension}={members(value).name.lower()}"
        case Dimension.CAUSE:
            is_distinct = sum(other >> 8 == value >> 8 for other in values) == 1
            return f"cause={Cause(value >> 8).name.lower()}" if is_distinct else None
        case Dimension.SIZE:
            return f"size={SIZE_NAMES[SizeClass(size_name(value))]}"
        case Dimension.VCPU:
            return f"vcpu={NOT_KNOWN if value == UNKNOWN_VCPU else value}"
        case Dimension.MEMSLOT:
            return _slot_filter(value, slots)
        case Dimension.ERRNO | Dimension.THREAD:
            return f"{'errno' if dimension is Dimension.ERRNO else 'tid'}={value}"


def _slot_filter(value: int, slots: Slots) -> str | None:
    """None where a memslot has no id, or was at several places in that time."""
    if slots is None or value < 0 or slots[value].slot < 0:
        return None
    ids = [(slot.as_id, slot.slot) for slot in slots]
    return f"memslot={slot_text(ids[value])}" if ids.count(ids[value]) == 1 else None


def breakdown(
    dimension: Dimension, breakdowns: dict[int, CallSums], calls: int, slots: Slots
) -> Breakdown:
    order = sorted(breakdowns.items(), key=lambda item: (-item[1].calls, item[0]))
    rows = [
        count(
            BreakdownRow,
            sums,
            value=value_name(dimension, value, slots),
            share=sums.calls / calls,
            filter=filter_text(dimension, value, breakdowns.keys(), slots),
        )
        for value, sums in order[:ROWS_SHOWN]
    ]
    return Breakdown(dimension=dimension.value, rows=rows, values=len(breakdowns))


def difference_row(difference: Difference, values: Collection[int], slots: Slots) -> DifferenceRow:
    """`values` are all that the interval has of the dimension."""
    return DifferenceRow(
        dimension=difference.dimension.value,
        value=value_name(difference.dimension, difference.value, slots),
        calls_during=difference.calls_during,
        calls_before=difference.calls_before,
        share_during=difference.share_during,
        share_before=difference.share_before,
        filter=filter_text(difference.dimension, difference.value, values, slots),
    )
