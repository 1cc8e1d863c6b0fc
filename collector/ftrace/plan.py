"""Which events to turn into RECORD rows, and where their values lie: for compiled code."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from collector.ftrace.formats import EVENT_IDS, EventFormat, Field

_COMMON_PID = "common_pid"
_COMMON_HEADER = 8  # bytes: type, flags, preempt count, pid


@dataclass(frozen=True, slots=True)
class Value:
    """One summand of v[index]: a field of the event, or a constant where it has none."""

    index: int
    field: Field | None = None
    constant: int = 0
    shift: int = 0  # bits to the left

    def row(self) -> tuple[int, int, int, int, int]:
        if self.field is None:
            return self.index, self.constant, 0, 0, self.shift
        signed = int(self.field.is_signed)
        return self.index, self.field.offset, self.field.size, signed, self.shift


@dataclass(frozen=True, slots=True)
class EventPlan:
    """How one event becomes a RECORD."""

    event: EventFormat
    code: int
    values: tuple[Value, ...]
    flags: int = 0

    @property
    def least_length(self) -> int:
        """Bytes of data that the fields used need."""
        ends = [v.field.offset + v.field.size for v in self.values if v.field is not None]
        return max(ends, default=_COMMON_HEADER)


@dataclass(frozen=True, slots=True)
class DecodePlan:
    """EventPlans as the arrays that `decode_pages` takes.

    plan_of: int32[65536], index of the plan by event id, -1: only count.
    plans: int64[n, 6]: code, flags, offset of common_pid, least length, first and end gather.
    gathers: int64[m, 5]: index in v, offset, size (0: offset is a constant), is signed, shift.
    """

    plan_of: npt.NDArray[np.int32]
    plans: npt.NDArray[np.int64]
    gathers: npt.NDArray[np.int64]
    events: tuple[EventPlan, ...] = field(default=())


def decode_plan(event_plans: Iterable[EventPlan]) -> DecodePlan:
    events = tuple(event_plans)
    plan_of = np.full(EVENT_IDS, -1, np.int32)
    plans = np.zeros((len(events) + 1, 6), np.int64)  # one more: never of no rows at all
    gathers: list[tuple[int, int, int, int, int]] = [(0, 0, 0, 0, 0)]
    for i, plan in enumerate(events):
        first = len(gathers)
        gathers += [value.row() for value in plan.values]
        pid = plan.event.field(_COMMON_PID)
        plan_of[plan.event.id] = i
        plans[i] = (
            plan.code,
            plan.flags,
            4 if pid is None else pid.offset,
            max(_COMMON_HEADER, plan.least_length),
            first,
            len(gathers),
        )
    return DecodePlan(plan_of, plans, np.array(gathers, np.int64), events)
