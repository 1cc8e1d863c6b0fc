"""Which events to turn into RECORD rows, and where their values lie: for compiled code."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from collector.trace.ring_buffer._formats import EVENT_IDS, EventFormat, Field
from collector.trace.ring_buffer._tables import GATHER, PLAN, How

_COMMON_PID = "common_pid"
_WORD = 4
_PID_WORD = 1
_COMMON_HEADER = 8  # bytes: type, flags, preempt count, pid


@dataclass(frozen=True, slots=True)
class Value:
    """One summand of v[index]: a field of the event, or a constant where it has none."""

    index: int
    field: Field | None = None
    constant: int = 0
    shift: int = 0  # bits to the left

    def gather(self) -> tuple[int, ...]:
        """Its row in DecodePlan.gathers."""
        if self.field is None:
            return self.index, How.CONSTANT, self.constant, 0, 0, 0, self.shift
        word, skip = divmod(self.field.offset, _WORD)
        how = How.SIGNED if self.field.is_signed else How.UNSIGNED
        if self.field.size == 8 and skip == 0:
            how = How.WHOLE
        return self.index, how, 0, word, 8 * skip, 64 - 8 * self.field.size, self.shift


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
        fields = [value.field for value in self.values if value.field is not None]
        ends = [field.offset + field.size for field in fields]
        return max(_COMMON_HEADER, _WORD * (self.pid_word + 1), *ends)

    @property
    def pid_word(self) -> int:
        """Which word of its data is common_pid."""
        pid = self.event.field(_COMMON_PID)
        return _PID_WORD if pid is None else pid.offset // _WORD


@dataclass(frozen=True, slots=True)
class DecodePlan:
    """EventPlans as the tables that `decode_pages` takes.

    plan_of: int32[65536], index of the plan by event id, -1: only count. plans: PLAN, gathers:
    GATHER, a row for each value of each plan.
    """

    plan_of: npt.NDArray[np.int32]
    plans: npt.NDArray[np.void]
    gathers: npt.NDArray[np.void]
    events: tuple[EventPlan, ...] = field(default=())


def decode_plan(event_plans: Iterable[EventPlan]) -> DecodePlan:
    events = tuple(event_plans)
    plan_of = np.full(EVENT_IDS, -1, np.int32)
    plans = np.zeros(len(events) + 1, PLAN)
    gathers = [Value(0).gather()]  # never of no rows at all
    for i, plan in enumerate(events):
        first = len(gathers)
        gathers += [value.gather() for value in plan.values]
        plan_of[plan.event.id] = i
        plans[i] = (
            plan.code,
            plan.flags,
            plan.pid_word,
            plan.least_length,
            first,
            len(gathers),
        )
    return DecodePlan(plan_of, plans, np.array(gathers, GATHER), events)
