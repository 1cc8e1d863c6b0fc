"""Every event that touched a range of pages, with the state they were in after it."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from app.model.events import (
    PAGE_SHIFT,
    UNKNOWN_VCPU,
    Cause,
    Certainty,
    EventKind,
    Outcome,
    PageState,
    To,
    effect_time,
)
from app.store.reader import Reader
from app.store.tables import Vm
from app.views.failures import errno_name
from app.views.row_ids import row_id

Change = tuple[int, int, PageState, PageState]
"""Instant, event (-1: a memslot was set or deleted, or a state was read), before, after."""

_KINDS = frozenset(EventKind) - {EventKind.GUEST_MEMFD}
"""A guest_memfd has no place in the guest until a memslot gives it one."""
_FLIP = {PageState.SHARED, PageState.PRIVATE}
_LOSSES = (EventKind.LOSS_BEGIN, EventKind.LOSS_END)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to the page, or to a range that it is in."""

    t: Annotated[int, Field(description="When it took effect, ns.")]
    seq: Annotated[int | None, Field(description="The event's number; null of a memslot's change.")]
    what: str
    outcome: str | None
    errno: str | None
    gpa: Annotated[str | None, Field(description="Of the event's whole range.")]
    npages: int | None
    tid: int | None
    vcpu: int | None
    cause: str | None
    cause_certainty: str | None
    state: Annotated[str, Field(description="Of the page afterwards.")]
    changed: Annotated[bool, Field(description="The page's state was another one before.")]


@dataclass(frozen=True, slots=True)
class PageHistory:
    """A page's life."""

    vm: int
    gfn: int
    gpa: str
    steps: list[Step]
    next: Annotated[int | None, Field(description="Ask again with `after`: there are more.")]
    flips: Annotated[int, Field(description="Times it went between private and shared, here.")]


def page_history(reader: Reader, vm: Vm, gfn: int, after: int, limit: int) -> PageHistory:
    """At most `limit` steps after an event's number, oldest first."""
    vm_id = row_id(vm)
    events, seqs = reader.events(
        vm_id, gfn_from=gfn, gfn_to=gfn + 1, kinds=_KINDS, after_seq=after, limit=limit + 1
    )
    has_more = len(seqs) > limit
    events, seqs = events[:limit], seqs[:limit]
    times = effect_time(events)
    first = 0 if after < 0 else int(times[0]) if len(times) else 0
    until = int(times[-1]) if has_more else None
    life = _life(reader, vm_id, gfn, until)
    steps = [
        _step(event, int(seq), int(t), *life.around(int(t), int(seq)))
        for event, seq, t in zip(events, seqs, times, strict=True)
    ]
    steps += [
        _layout_step(t, before, state)
        for t, event, before, state in life.rows
        if event < 0 and t >= first
    ]
    steps.sort(key=lambda step: (step.t, step.seq is None, step.seq or 0))
    shown = set(seqs.tolist())
    flips = sum(event in shown and {*states} == _FLIP for _, event, *states in life.rows)
    return PageHistory(
        vm_id, gfn, hex(gfn << PAGE_SHIFT), steps, int(seqs[-1]) if has_more else None, flips
    )


class _Life:
    """The states of one page, in order."""

    def __init__(self, rows: list[Change]) -> None:
        self.rows = rows
        self._by_event = {event: (before, after) for _, event, before, after in rows if event >= 0}
        self._times = [t for t, *_ in rows]

    def around(self, t: int, seq: int) -> tuple[PageState, PageState]:
        """Before and after an event; twice the state at its time if it changed nothing."""
        if seq in self._by_event:
            return self._by_event[seq]
        done = bisect_right(self._times, t)
        if done:
            state = self.rows[done - 1][3]
        else:
            state = self.rows[0][2] if self.rows else PageState.NO_MEMSLOT
        return state, state


def _life(reader: Reader, vm_id: int, gfn: int, until: int | None) -> _Life:
    rows = []
    t_to = None if until is None else until + 1
    for changes in reader.iter_changes(vm_id, t_to=t_to, gfn_from=gfn, gfn_to=gfn + 1):
        for row in changes:
            before, after = PageState(int(row["before"])), PageState(int(row["after"]))
            rows.append((int(row["t"]), int(row["event"]), before, after))
    return _Life(rows)


def _step(event: np.void, seq: int, t: int, before: PageState, after: PageState) -> Step:
    kind = EventKind(int(event["kind"]))
    is_placed = event["range_certainty"] != Certainty.UNKNOWN and kind not in _LOSSES
    cause = Cause(int(event["cause"]))
    vcpu = int(event["vcpu"])
    return Step(
        t=t,
        seq=seq,
        what=_what(kind, To(int(event["to"]))),
        outcome=Outcome(int(event["outcome"])).name.lower(),
        errno=errno_name(int(event["errno"])) if event["errno"] else None,
        gpa=hex(int(event["gfn"]) << PAGE_SHIFT) if is_placed else None,
        npages=int(event["npages"]) if is_placed else None,
        tid=None if kind in _LOSSES else int(event["tid"]),
        vcpu=None if vcpu == UNKNOWN_VCPU or kind in _LOSSES else vcpu,
        cause=None if cause == Cause.NONE else cause.name.lower(),
        cause_certainty=(
            None if cause == Cause.NONE else Certainty(int(event["cause_certainty"])).name.lower()
        ),
        state=_name(after),
        changed=before != after,
    )


def _what(kind: EventKind, to: To) -> str:
    if kind == EventKind.CONVERSION:
        return f"conversion to {to.name.lower()}"
    return kind.name.lower().replace("_", " ")


def _layout_step(t: int, before: PageState, after: PageState) -> Step:
    what = "memslot set" if before == PageState.NO_MEMSLOT else "memslot deleted"
    if PageState.NO_MEMSLOT not in (before, after):
        what = "state settled by a memslot"
    nothing = (None,) * 8
    return Step(t, None, what, *nothing, _name(after), before != after)


def _name(state: PageState) -> str:
    return state.name.lower().replace("_", " ")
