"""What many conversions have in common: counts by whatever one may ask of a call."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from app.model.events import EventArray
from app.model.guest import PAGES_PER_2M, Certainty, Outcome
from app.model.stats._grouping import sums_by_key

Ints = npt.NDArray[np.int64]
Columns = Mapping[str, npt.NDArray[Any]]
"""Columns of `EVENT` by name."""


class Dimension(StrEnum):
    """What distinguishes conversions."""

    DIRECTION = "direction"
    OUTCOME = "outcome"
    ERRNO = "errno"
    CAUSE = "cause"
    SIZE = "size"
    VCPU = "vcpu"
    THREAD = "thread"
    MEMSLOT = "memslot"


class SizeClass(StrEnum):
    """How much one call asks for."""

    PAGE = "4 KiB"
    BLOCK = "2 MiB"
    """One aligned block of 512 pages."""
    BELOW = "less than 2 MiB"
    ABOVE = "more than 2 MiB"
    UNALIGNED = "2 MiB, not aligned"
    UNKNOWN = "unknown"


_SIZES = tuple(SizeClass)
NO_SLOT, NO_RANGE = -1, -2
"""In place of a memslot: the range meets none, or it is not known."""


@dataclass(frozen=True, slots=True)
class SlotRange:
    """A memslot alive at some time of the interval, by its place in the list of them."""

    first_gfn: int
    end_gfn: int


@dataclass(slots=True)
class CallSums:
    """What calls that have one thing in common add up to."""

    calls: int = 0
    applied: int = 0
    failed: int = 0
    uncertain: int = 0  # that leave open what they changed (see app.model.events)
    timed: int = 0  # whose end was seen
    effective_pages: int = 0
    latency_ns: int = 0  # sum over those that were timed

    def add(self, sums: Iterable[int]) -> None:
        """Sums in the order of the fields."""
        for name, number in zip(_SUMMED, sums, strict=True):
            setattr(self, name, getattr(self, name) + number)


_SUMMED = tuple(each.name for each in fields(CallSums))


def size_classes(calls: EventArray | Columns) -> npt.NDArray[np.uint8]:
    """For each call the index of its `SizeClass`."""
    npages, gfn = calls["npages"], calls["gfn"]
    result = np.full(len(npages), _SIZES.index(SizeClass.ABOVE), np.uint8)
    result[npages < PAGES_PER_2M] = _SIZES.index(SizeClass.BELOW)
    result[npages == 1] = _SIZES.index(SizeClass.PAGE)
    is_block = npages == PAGES_PER_2M
    result[is_block] = _SIZES.index(SizeClass.UNALIGNED)
    result[is_block & (gfn % PAGES_PER_2M == 0)] = _SIZES.index(SizeClass.BLOCK)
    result[calls["range_certainty"] == Certainty.UNKNOWN] = _SIZES.index(SizeClass.UNKNOWN)
    return result


def size_class_index(size: SizeClass) -> int:
    return _SIZES.index(size)


def size_name(index: int) -> str:
    return _SIZES[index].value


def _slots_of(calls: EventArray, slots: tuple[SlotRange, ...]) -> Ints:
    """For each call the first of `slots`, which ascend, that its range meets; else `NO_SLOT` or
    `NO_RANGE`."""
    is_placed = calls["range_certainty"] != Certainty.UNKNOWN
    result = np.where(is_placed, NO_SLOT, NO_RANGE)
    if not slots:
        return result
    ends = np.array([slot.end_gfn for slot in slots], np.uint64)
    firsts = np.array([slot.first_gfn for slot in slots], np.uint64)
    at = np.minimum(np.searchsorted(ends, calls["gfn"], side="right"), len(slots) - 1)
    meets = (firsts[at] < calls["gfn"] + calls["npages"]) & (calls["gfn"] < ends[at])
    meets &= is_placed
    result[meets] = at[meets]
    return result


def dimension_keys(
    calls: EventArray, slots: tuple[SlotRange, ...]
) -> Iterator[tuple[Dimension, Ints]]:
    """Each dimension with a number for each call; equal numbers are equal values."""
    yield Dimension.DIRECTION, calls["to"].astype(np.int64)
    yield Dimension.OUTCOME, calls["outcome"].astype(np.int64)
    yield Dimension.ERRNO, calls["errno"].astype(np.int64)
    yield Dimension.CAUSE, calls["cause"].astype(np.int64) << 8 | calls["cause_certainty"]
    yield Dimension.SIZE, size_classes(calls).astype(np.int64)
    yield Dimension.VCPU, calls["vcpu"].astype(np.int64)
    yield Dimension.THREAD, calls["tid"].astype(np.int64)
    yield Dimension.MEMSLOT, _slots_of(calls, slots)


@dataclass(slots=True)
class Breakdowns:
    """Breakdowns of conversions by every dimension. Calls may come in any number of chunks."""

    slots: tuple[SlotRange, ...] = ()
    calls: int = 0
    by: dict[Dimension, dict[int, CallSums]] = field(
        default_factory=lambda: {dimension: {} for dimension in Dimension}
    )

    def add(self, calls: EventArray, is_uncertain: npt.NDArray[np.bool_]) -> None:
        """Conversions, and which of them leave open what they changed."""
        if not len(calls):
            return
        self.calls += len(calls)
        timed = is_timed(calls)
        weights = np.empty((len(calls), len(_SUMMED)), np.int64)
        weights[:, 0] = 1
        weights[:, 1] = calls["outcome"] == Outcome.APPLIED
        weights[:, 2] = calls["outcome"] == Outcome.FAILED
        weights[:, 3] = is_uncertain
        weights[:, 4] = timed
        weights[:, 5] = calls["effective_pages"]
        weights[:, 6] = np.where(timed, calls["latency_ns"], 0)
        for dimension, keys in dimension_keys(calls, self.slots):
            values, sums = sums_by_key(np.ascontiguousarray(keys), weights)
            for value, row in zip(values.tolist(), sums.tolist(), strict=True):
                self.by[dimension].setdefault(value, CallSums()).add(row)

    @property
    def total(self) -> CallSums:
        """Of all calls."""
        total = CallSums()
        for sums in self.by[Dimension.OUTCOME].values():
            total.add(getattr(sums, name) for name in _SUMMED)
        return total


def is_timed(calls: EventArray) -> npt.NDArray[np.bool_]:
    """Whose end was seen, so that their latency is known."""
    result: npt.NDArray[np.bool_] = calls["outcome"] != Outcome.UNCONFIRMED
    return result & (calls["latency_ns"] >= 0)


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more often a value was met during an interval than before it."""

    dimension: Dimension
    value: int
    calls_during: int
    calls_before: int
    share_during: float  # of all calls
    share_before: float | None  # None where there were no calls


def differences(during: Breakdowns, before: Breakdowns) -> list[Difference]:
    """Values by how far their share of the calls moved, the furthest first.

    The share shows what is special about an interval; that there was more of everything is shown by
    the totals.
    """
    found = []
    for dimension in Dimension:
        ours, theirs = during.by[dimension], before.by[dimension]
        for value in ours.keys() | theirs.keys():
            now, then = _calls(ours, value), _calls(theirs, value)
            share = now / during.calls if during.calls else 0.0
            share_then = then / before.calls if before.calls else None
            found.append(Difference(dimension, value, now, then, share, share_then))
    found.sort(key=lambda d: (-abs(d.share_during - (d.share_before or 0)), d.dimension, d.value))
    return found


def _calls(breakdowns: dict[int, CallSums], value: int) -> int:
    sums = breakdowns.get(value)
    return 0 if sums is None else sums.calls
