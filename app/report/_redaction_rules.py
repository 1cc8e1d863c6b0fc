"""What a redacted report may hold, field by field. Whatever is not listed here is left out of it.

Numbers that may stay are counts, sizes, lengths of time and times since the recording's start, and
the small numbers by which a VMM numbers vCPUs, memslots and file descriptors. Of texts it is
listed what they may be: as much of one is kept as agrees, from its beginning on.
"""

import re
from enum import Enum
from itertools import chain

from app.model.guest import Backing, Certainty, Clock, Source
from app.model.stats import Dimension
from app.queries.events import RULES as WHY_CALLS_FAIL, NoteView
from app.queries.figures import Bounds, TotalsView
from app.queries.history import Bar
from app.queries.home import HATCH, Cell, Spark
from app.queries.inventory import (
    ChapterView,
    ConversionCounts,
    LossView,
    MemslotView,
    RecordingView,
    VmView,
)
from app.queries.storms import (
    BeforeView,
    Breakdown,
    BreakdownRow,
    BreakerView,
    CallsView,
    DifferenceRow,
    FailureExample,
    FailureReason,
    FailureView,
    FlipThread,
    HugePagesView,
    IntervalView,
    LatencyBucket,
    LatencyView,
    PagesView,
    PingPongView,
    StormRow,
    TouchedSlot,
    statistics_of,
)
from app.report._charts import Chart
from app.report._contents import Chapter, Report
from app.store.schema import RecordingState


class Rule(Enum):
    """What becomes of a field."""

    KEPT = "kept"
    """Numbers, and what has rules of its own; a text would be left out."""
    PLACE = "place"
    """An address: a number of its own stands for it."""
    THREAD = "thread"
    """A thread id, likewise."""
    NAMES = "names"
    """Names of fields beside it, or of kinds of events."""
    MADE_ANEW = "made anew"
    """Made from what is left (`_redaction`)."""
    LEFT_OUT = "left out"


Rules = dict[str, Rule | re.Pattern[str]]


def one_of(*texts: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(map(re.escape, texts))})\Z")


def rules(
    *,
    kept: str = "",
    places: str = "",
    threads: str = "",
    names: str = "",
    anew: str = "",
    left_out: str = "",
    **texts: re.Pattern[str],
) -> Rules:
    """Fields by what becomes of them, as words."""
    named = {
        Rule.KEPT: kept,
        Rule.PLACE: places,
        Rule.THREAD: threads,
        Rule.NAMES: names,
        Rule.MADE_ANEW: anew,
        Rule.LEFT_OUT: left_out,
    }
    pairs = chain.from_iterable(((name, rule) for name in s.split()) for rule, s in named.items())
    return dict(pairs) | texts


def statistics(part: type) -> Rules:
    """Those that a part declares: numbers, which stay."""
    return dict.fromkeys(statistics_of(part), Rule.KEPT)


CERTAINTY = one_of(*(certainty.name.lower() for certainty in Certainty))
BACKING = one_of(*Backing)
SOURCE = one_of(*Source)
CLOCK = one_of(*Clock)
UPSTREAM_RELEASE = re.compile(r"\d{1,2}\.\d{1,3}(?:\.\d{1,4})?(?![\d.])")
"""What follows is the name that a distribution or a house gave to its build."""
RANGES = one_of("seen", "inferred", "none")
DIMENSION = one_of(*Dimension)
ERRNO = re.compile(r"(?:E[A-Z0-9]{2,15}|errno \d{1,5})\Z")
STORM = r"[cf]\d{1,15}"
STORM_KIND = "conversions|page faults"
WHY = re.compile("|".join(map(re.escape, sorted(WHY_CALLS_FAIL))))
WHERE = re.compile(
    r"range not recorded|memslots not recorded|no memslot is there|meets \d{1,5} memslots"
    r"|(?:within|crosses the border of) (?:a memslot|memslot \d{1,5})"
)
PATH = re.compile(r"[MvhzHVL\d., -]*\Z")
FILL = re.compile(rf"(?:#[0-9a-f]{{6}}|{re.escape(HATCH)})\Z")
LENGTH = r"[\d.\u2009]{1,20} (?:ns|µs|ms|s|lines?)"
CAPTION = re.compile(
    r"Conversions per (?:second|1000 lines), to private up and to shared down"
    r"(?:, hatched both ways where the direction is not recorded)?; failures as crosses;"
    rf" private memory as a line\. One bar is {LENGTH}\.\Z"
    r"|Private fraction of guest memory over time: blue is private, amber shared, hatched unknown;"
    rf" places without a memslot are left out\. One cell is [\d.e+-]{{1,12}} MiB x {LENGTH}\.\Z"
)

RULES: dict[type, Rules] = {
    Report: rules(
        kept="vm recording storms storms_left_out overview chapters memslots memslots_left_out"
        " notes",
        anew="is_redacted",
        left_out="made",
    ),
    Chapter: rules(
        kept="facts peak spark changes charts",
        anew="headline strips",
        id=re.compile(rf"(?:whole|kept|{STORM})\Z"),
        title=re.compile(
            rf"(?:The whole recording|Since when events are kept|"
            rf"Storm {STORM}: [\d,]+ (?:{STORM_KIND}))\Z"
        ),
    ),
    VmView: rules(
        kept="created_t ended_t ended_is_inferred is_unattributed may_be_several span totals"
        " mixed_2m conversions lost_events layout_is_known",
        names="at_least",
        anew="name",
        left_out="id uuid recording pid process_start_ns guest_uuid vm_fd vm_type events"
        " created_certainty start_state",
    ),
    RecordingView: rules(
        kept="is_damaged last_t lost_events losses",
        anew="name host coverage",
        left_out="id uuid host_id incomplete_reason is_live silent_ms behind_ms clock_start_ns"
        " wall_start_ns origin vms chapters",
        source=SOURCE,
        state=one_of(*RecordingState),
        clock=CLOCK,
        kernel_release=UPSTREAM_RELEASE,
    ),
    StormRow: rules(
        kept="from_t to_t in_boot calls failed per_second peak_per_second pages_changed is_kept",
        names="at_least",
        id=re.compile(rf"{STORM}\Z"),
        kind=re.compile(rf"(?:{STORM_KIND})\Z"),
    ),
    Chart: rules(
        anew="data",
        id=re.compile(rf"(?:overview|whole|kept|{STORM})-(?:timeline|map)\Z"),
        caption=CAPTION,
    ),
    Spark: rules(kept="width failed", to_private=PATH, to_shared=PATH, to_unknown=PATH),
    Cell: rules(kept="x width", fill=FILL),
    Bar: rules(kept="x width height", became=one_of("private", "shared", "unknown", "no-memslot")),
    NoteView: rules(
        kept="from_t to_t",
        places="gpa_from",
        left_out="id gpa_to text author written_ns changed_ns revision",
    ),
    MemslotView: rules(
        kept="slot as_id npages size flags can_be_private guest_memfd from_t to_t",
        places="gpa",
        left_out="base_gfn userspace_addr guest_memfd_offset",
        backing=BACKING,
        backing_certainty=CERTAINTY,
    ),
    ChapterView: rules(
        left_out="from_t to_t clock_start_ns wall_start_ns boot_id kernel_release source ended"
    ),
    LossView: rules(kept="from_t to_t count cpu", source=SOURCE),
    IntervalView: statistics(IntervalView)
    | rules(
        kept="from_t to_t calls pages latency by failures ping_pong huge_pages memslots touched"
        " losses state_before state_after before",
        names="not_recorded at_least",
        anew="events",
        left_out="vm",
    ),
    TotalsView: rules(kept="private shared unknown", names="at_least"),
    Bounds: rules(kept="lower upper"),
    ConversionCounts: rules(
        kept="requested applied failed unconfirmed to_unknown uncertain effective_pages",
        names="at_least",
    ),
    CallsView: statistics(CallsView) | rules(names="at_least"),
    PagesView: statistics(PagesView) | rules(names="at_least"),
    LatencyView: statistics(LatencyView) | rules(kept="buckets", names="at_least"),
    LatencyBucket: rules(kept="below_ns calls"),
    Breakdown: rules(kept="rows values", dimension=DIMENSION),
    BreakdownRow: statistics(BreakdownRow)
    | rules(
        kept="share",
        names="at_least",
        anew="value",
        left_out="filter",
    ),
    DifferenceRow: rules(
        kept="calls_during calls_before share_during share_before",
        anew="value",
        left_out="filter",
        dimension=DIMENSION,
    ),
    FailureView: rules(kept="errno calls reasons examples", name=ERRNO),
    FailureReason: rules(kept="calls first_t last_t", why=WHY, where=WHERE),
    FailureExample: rules(kept="t size", places="gpa", threads="tid", why=WHY, where=WHERE),
    PingPongView: rules(
        kept="npages flips first_t last_t period_ns threads", places="gpa", left_out="gfn"
    ),
    FlipThread: rules(kept="vcpu flips", threads="tid"),
    HugePagesView: statistics(HugePagesView) | rules(kept="breakers", names="at_least"),
    BreakerView: rules(kept="t size times blocks", places="gpa", threads="tid", left_out="seq"),
    TouchedSlot: statistics(TouchedSlot) | rules(kept="memslot", names="at_least"),
    BeforeView: rules(kept="from_t to_t requested per_second differences"),
}
