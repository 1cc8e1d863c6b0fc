"""What is shown of an interval one by one: failures, pages that went back and forth, memslots."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from app.queries.figures import AtLeast
from app.queries.inventory import MemslotView
from app.queries.storms._breakdown_tables import Calls, EffectivePages, Failed, TimeInCalls


@dataclass(frozen=True, slots=True)
class LatencyBucket:
    """Calls that took about as long."""

    below_ns: Annotated[int, Field(description="Less than this, and at least half of it.")]
    calls: int


@dataclass(frozen=True, slots=True)
class FailureExample:
    """One call that failed."""

    t: int
    gpa: str | None
    size: int | None
    tid: int
    why: str
    where: str


@dataclass(frozen=True, slots=True)
class FailureReason:
    """Calls that broke one rule at one kind of place."""

    why: str
    where: str
    calls: int
    first_t: int
    last_t: int


@dataclass(frozen=True, slots=True)
class FailureView:
    """The calls that failed with one errno."""

    errno: int
    name: str
    calls: int
    reasons: Annotated[
        list[FailureReason], Field(description="Of the first calls, at most 10,000; most first.")
    ]
    examples: list[FailureExample]


@dataclass(frozen=True, slots=True)
class FlipThread:
    """Who flipped a run of pages how often."""

    tid: int
    vcpu: int | None
    flips: int


@dataclass(frozen=True, slots=True)
class PingPongView:
    """Pages that were converted back and forth by just the same conversions."""

    gfn: int
    npages: int
    gpa: str
    flips: Annotated[int, Field(description="Of each page: every change of its state.")]
    first_t: int
    last_t: int
    period_ns: Annotated[int, Field(description="Median time from one flip to the next.")]
    threads: list[FlipThread]


@dataclass(frozen=True, slots=True)
class BreakerView:
    """Conversions of one run of pages that left 2 MiB blocks mixed; shown by the first of them."""

    seq: int
    t: int
    gpa: str | None
    size: int | None
    tid: int
    times: int
    blocks: Annotated[int, Field(description="Broken by all of them.")]


@dataclass(frozen=True, slots=True)
class TouchedSlot:
    """A memslot that conversions met, with the guest_memfd behind it."""

    memslot: MemslotView
    calls: Calls
    failed: Failed
    effective_pages: EffectivePages
    latency_ns: TimeInCalls
    at_least: AtLeast
