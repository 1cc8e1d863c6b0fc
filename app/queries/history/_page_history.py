"""Every event that touched a range of pages, with the state they were in after it."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from app.model.events import effect_time, is_vague
from app.model.guest import (
    UNKNOWN_VCPU,
    Cause,
    Certainty,
    EventKind,
    Outcome,
    To,
    Totals,
)
from app.model.stats import EventQuery, only
from app.queries.events import errno_name
from app.queries.figures import AtLeast, bounded, hex_gpa, row_id
from app.queries.history._page_states import StateAfter, page_states
from app.store.read import Reader
from app.store.schema import Vm

_KINDS = frozenset(EventKind) - {EventKind.GUEST_MEMFD}
"""A guest_memfd has no place in the guest until a memslot gives it one."""
_CONVERSION = EventKind.CONVERSION
_LOSSES = (EventKind.LOSS_BEGIN, EventKind.LOSS_END)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to the pages, or to a range that meets them."""

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
    state: Annotated[
        str, Field(description="Of these pages afterwards; mixed: not all of them are alike.")
    ]
    pages: Annotated[Totals, Field(description="Of these, in memslots, afterwards.")]
    changed: Annotated[bool, Field(description="The state of any was another one before.")]
    changed_pages: int


@dataclass(frozen=True, slots=True)
class PageHistory:
    """The life of a page, or of pages in a row."""

    vm: int
    gfn: int
    gpa: str
    npages: int
    steps: list[Step]
    next: Annotated[int | None, Field(description="Ask again with `after`: there are more.")]
    flips: Annotated[
        int | None,
        Field(description="Times a page went between private and shared, here; of all pages."),
    ]
    at_least: AtLeast


@dataclass(frozen=True, slots=True)
class Pages:
    """Whose life is asked for, and in which time. Half-open; None stands for no bound."""

    gfn: int
    end_gfn: int
    from_t: int | None = None
    to_t: int | None = None

    @property
    def npages(self) -> int:
        return self.end_gfn - self.gfn


def page_history(reader: Reader, vm: Vm, pages: Pages | int, after: int, limit: int) -> PageHistory:
    """At most `limit` steps after an event's number, oldest first. A number is one page's."""
    if isinstance(pages, int):
        pages = Pages(pages, pages + 1)
    vm_id = row_id(vm)
    query = EventQuery(pages.from_t, pages.to_t, pages.gfn, pages.end_gfn, only(*_KINDS))
    events, seqs = reader.events(vm_id, query, after_seq=after, limit=limit + 1)
    has_more = len(seqs) > limit
    events, seqs = events[:limit], seqs[:limit]
    times = effect_time(events)
    first_t = int(times[0]) if after >= 0 and len(times) else pages.from_t
    end_t = int(times[-1]) + 1 if has_more else pages.to_t
    window = (first_t, end_t)
    states = page_states(reader, vm_id, (pages.gfn, pages.end_gfn), window)
    steps = [
        step_of(event, int(seq), int(t), states.after(int(t), int(seq)))
        for event, seq, t in zip(events, seqs, times, strict=True)
    ]
    steps += [_layout_step(t, what, state) for t, what, state in states.layout_changes()]
    steps.sort(key=lambda step: (step.t, step.seq is None, step.seq or 0))
    is_open = states.meets_unknown or bool(is_vague(events[events["kind"] == _CONVERSION]).any())
    flips, least = bounded({"flips": states.flips_of(seqs)}, {"flips"} if is_open else ())
    return PageHistory(
        vm=vm_id,
        gfn=pages.gfn,
        gpa=hex_gpa(pages.gfn),
        npages=pages.npages,
        steps=steps,
        next=int(seqs[-1]) if has_more else None,
        flips=flips["flips"],
        at_least=least,
    )


def step_of(event: np.void, seq: int, t: int, after: StateAfter) -> Step:
    """What an event did to pages that were so afterwards."""
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
        gpa=hex_gpa(event["gfn"]) if is_placed else None,
        npages=int(event["npages"]) if is_placed else None,
        tid=None if kind in _LOSSES else int(event["tid"]) or None,
        vcpu=None if vcpu == UNKNOWN_VCPU or kind in _LOSSES else vcpu,
        cause=None if cause == Cause.NONE else cause.name.lower(),
        cause_certainty=(
            None if cause == Cause.NONE else Certainty(int(event["cause_certainty"])).name.lower()
        ),
        state=after.state,
        pages=after.pages,
        changed=after.changed_pages > 0,
        changed_pages=after.changed_pages,
    )


def _what(kind: EventKind, to: To) -> str:
    if kind == EventKind.CONVERSION:
        return (
            "conversion, direction unknown"
            if to == To.UNKNOWN
            else f"conversion to {to.name.lower()}"
        )
    if kind == EventKind.DOUBT:
        return f"conversion to {to.name.lower()}, perhaps of another VM"
    return kind.name.lower().replace("_", " ")


def _layout_step(t: int, what: str, after: StateAfter) -> Step:
    nothing = (None,) * 8
    changed = after.changed_pages
    return Step(t, None, what, *nothing, after.state, after.pages, changed > 0, changed)
