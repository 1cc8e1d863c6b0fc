"""What a report is made of."""

from dataclasses import dataclass

from app.queries.events import NoteView
from app.queries.history import Bar
from app.queries.home import Cell, Spark
from app.queries.inventory import MemslotView, RecordingView, VmView
from app.queries.storms import IntervalView, StormRow
from app.report._charts import Chart


@dataclass(frozen=True, slots=True)
class Chapter:
    """One storm, or the whole recording where there is none."""

    id: str
    title: str
    headline: str
    facts: IntervalView
    peak: float | None  # None: of an interval that is no storm
    spark: Spark
    strips: list[tuple[str, list[Cell]]]
    changes: list[Bar]
    charts: list[Chart]


@dataclass(frozen=True, slots=True)
class Report:
    """All that the template needs."""

    vm: VmView
    recording: RecordingView
    made: str
    is_redacted: bool
    storms: list[StormRow]
    storms_left_out: int
    overview: list[Chart]
    chapters: list[Chapter]
    memslots: list[MemslotView]
    memslots_left_out: int
    notes: list[NoteView]
