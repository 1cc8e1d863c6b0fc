"""What is shown of an interval of time: of a storm, a brushed selection, a report."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from app.model.guest import EventKind
from app.queries.figures import AtLeast, Bounds, Part, TotalsView
from app.queries.inventory import LossView, MemslotView
from app.queries.storms import _statistics as counts
from app.queries.storms._breakdown_tables import Breakdown, DifferenceRow
from app.queries.storms._details import (
    BreakerView,
    FailureView,
    LatencyBucket,
    PingPongView,
    TouchedSlot,
)
from app.queries.storms._statistics import Counted, Statistic, statistics_of


@dataclass(frozen=True, slots=True)
class CallsView:
    """Conversions by what became of them."""

    requested: Annotated[
        int,
        Statistic(lambda one: one.found.breakdowns.total.calls, words="requested", has_line=False),
    ]
    applied: Annotated[
        int,
        Statistic(lambda one: one.found.breakdowns.total.applied, words="applied", has_line=False),
    ]
    failed: Annotated[
        int,
        Statistic(lambda one: one.found.breakdowns.total.failed, words="failed", has_line=False),
    ]
    unconfirmed: Annotated[int, Statistic(counts.unconfirmed)]
    noop: Annotated[
        int | None,
        Statistic(lambda one: one.found.noop, is_open=lambda one: one.leaves_open),
        Field(description="Applied, but every page was known to be so already."),
    ]
    per_second: Annotated[
        float, Statistic(lambda one: one.per_second(one.found.breakdowns.total.calls))
    ]
    unplaced: Annotated[
        int,
        Statistic(lambda one: one.found.unplaced),
        Field(description="Those whose range is not recorded."),
    ]
    uncertain: Annotated[
        int,
        Statistic(lambda one: one.found.breakdowns.total.uncertain),
        Field(
            description="Those that leave open which pages they changed: docs/certainty.md. Events "
            "of kind doubt, conversions that may be of another VM, leave it open as well."
        ),
    ]
    at_least: AtLeast


def _has_undirected(one: Counted) -> bool:
    return one.found.unplaced + one.found.undirected > 0


@dataclass(frozen=True, slots=True)
class PagesView:
    """What was asked for against what came of it, in pages."""

    asked: Annotated[
        int | None,
        Statistic(
            lambda one: one.found.pages_asked,
            is_open=lambda one: one.found.unplaced > 0,
            words="asked for",
            unit="pages",
            has_line=False,
        ),
        Field(description="By calls of known range, whatever became of them."),
    ]
    asked_to_private: Annotated[
        int | None, Statistic(lambda one: one.found.asked_to_private, is_open=_has_undirected)
    ]
    asked_to_shared: Annotated[
        int | None, Statistic(lambda one: one.found.asked_to_shared, is_open=_has_undirected)
    ]
    changed: Annotated[
        int | None,
        Statistic(
            lambda one: one.found.pages_to_private + one.found.pages_to_shared,
            is_open=lambda one: one.leaves_open,
            words="really changed",
            unit="pages",
            has_line=False,
        ),
        Field(description="to_private and to_shared together."),
    ]
    to_private: Annotated[
        int | None,
        Statistic(lambda one: one.found.pages_to_private, is_open=lambda one: one.leaves_open),
        Field(description="Changes from shared: each time counts."),
    ]
    to_shared: Annotated[
        int | None,
        Statistic(lambda one: one.found.pages_to_shared, is_open=lambda one: one.leaves_open),
        Field(description="Changes from private: each time counts."),
    ]
    net_private: Annotated[
        int | None,
        Statistic(
            lambda one: None if one.found.is_net_open else one.found.net_private,
            words="net change",
            unit="pages",
            has_line=False,
        ),
        Field(description="More private pages afterwards than before. Null: not known so exactly."),
    ]
    net_shared: Annotated[
        int | None,
        Statistic(lambda one: None if one.found.is_net_open else one.found.net_shared),
    ]
    net_private_bounds: Annotated[
        Bounds | None,
        Statistic(counts.net_private_bounds),
        Field(description="Of net_private, by the unknown pages. Null: no memslot is known."),
    ]
    net_unknown: Annotated[int | None, Statistic(counts.net_unknown)]
    at_least: AtLeast


@dataclass(frozen=True, slots=True)
class LatencyView:
    """Of calls whose end was seen, ns. Null: of none it was."""

    calls: Annotated[int, Statistic(lambda one: counts.latency("calls")(one) or 0)]
    p50_ns: Annotated[
        int | None,
        Statistic(
            counts.latency("p50_ns"), words="latency, median", unit="duration", has_line=False
        ),
    ]
    p95_ns: Annotated[int | None, Statistic(counts.latency("p95_ns"), unit="duration")]
    p99_ns: Annotated[int | None, Statistic(counts.latency("p99_ns"), unit="duration")]
    max_ns: Annotated[int | None, Statistic(counts.latency("max_ns"), unit="duration")]
    total_ns: Annotated[
        int | None,
        Statistic(
            counts.latency("total_ns"),
            is_open=lambda one: one.has_untimed,
            words="time inside the calls",
            unit="duration",
            has_line=False,
        ),
        Field(description="What all threads together spent converting."),
    ]
    share_of_threads: Annotated[
        float | None,
        Statistic(counts.share_of_threads, is_open=lambda one: one.has_untimed, unit="share"),
        Field(description="That time, of all the time that the calling threads had."),
    ]
    buckets: list[LatencyBucket]
    at_least: AtLeast


@dataclass(frozen=True, slots=True)
class HugePagesView:
    """2 MiB blocks that were neither all private nor all shared: KVM cannot map those huge."""

    broken: Annotated[
        int | None,
        Statistic(lambda one: one.found.blocks_broken, is_open=lambda one: one.blocks_are_open),
        Field(description="Times a block became mixed."),
    ]
    healed: Annotated[
        int | None,
        Statistic(lambda one: one.found.blocks_healed, is_open=lambda one: one.blocks_are_open),
        Field(description="Times a block became uniform again."),
    ]
    mixed_before: Annotated[
        int | None,
        Statistic(lambda one: one.before.mixed_blocks, is_open=lambda one: one.was_open),
    ]
    mixed_after: Annotated[
        int | None,
        Statistic(
            lambda one: one.after.mixed_blocks,
            is_open=lambda one: one.is_open,
            words="2 MiB blocks mixed",
            has_line=False,
        ),
    ]
    breakers: list[BreakerView]
    at_least: AtLeast


@dataclass(frozen=True, slots=True)
class BeforeView:
    """The interval of the same length before, as far as the VM was known then."""

    from_t: Annotated[int, Field(serialization_alias="from")]
    to_t: Annotated[int, Field(serialization_alias="to")]
    requested: int
    per_second: Annotated[float | None, Field(description="Null: nothing is recorded before.")]
    differences: list[DifferenceRow]


@dataclass(frozen=True, slots=True)
class IntervalView:
    """Everything that is counted about an interval of a VM's time, by effect time."""

    vm: int
    from_t: Annotated[int, Field(serialization_alias="from")]
    to_t: Annotated[int, Field(serialization_alias="to")]
    calls: CallsView
    pages: PagesView
    latency: LatencyView
    by: list[Breakdown]
    failures: list[FailureView]
    ping_pong: list[PingPongView]
    ping_pong_runs: Annotated[
        int | None,
        Statistic(lambda one: len(one.found.flip_runs), is_open=lambda one: one.leaves_open),
        Field(description="All of them; the first are in ping_pong."),
    ]
    huge_pages: HugePagesView
    events: Annotated[dict[str, int], Field(description="Other events, by kind.")]
    faults_per_second: Annotated[
        float,
        Statistic(lambda one: one.per_second(one.found.others.get(EventKind.PAGE_FAULT, 0))),
        Field(description="Guest page faults."),
    ]
    punched_pages: Annotated[
        int | None,
        Statistic(
            lambda one: one.found.punched_pages,
            is_open=lambda one: one.found.unplaced_holes > 0 or one.holes_are_missing,
            words="private pages freed",
            unit="pages",
            has_line=False,
        ),
    ]
    memslots: Annotated[list[MemslotView], Field(description="Alive at some time of it.")]
    touched: Annotated[list[TouchedSlot], Field(description="By conversions, most calls first.")]
    outside_memslots: Annotated[
        int | None,
        Statistic(counts.outside_memslots, is_open=lambda one: one.found.unplaced > 0),
        Field(
            description="Conversions of known range that met no memslot. Null: no range is "
            "recorded, or no memslot is known."
        ),
    ]
    losses: list[LossView]
    state_before: TotalsView
    state_after: TotalsView
    before: BeforeView
    not_recorded: Annotated[
        list[str], Field(description="Kinds of events that the recording cannot hold.")
    ]
    at_least: AtLeast

    def alone(self) -> Iterator[tuple[Part, str, Statistic]]:
        """Its statistics that have words of their own: (part, name, declaration)."""
        parts: tuple[Part, ...] = (self.calls, self.pages, self.latency, self.huge_pages, self)
        for part in parts:
            for name, statistic in statistics_of(type(part)).items():
                if statistic.words is not None:
                    yield part, name, statistic
