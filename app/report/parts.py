"""What a report is made of."""

from dataclasses import dataclass

from app.report.charts import Chart
from app.views.diff_pictures import Bar
from app.views.memslots import MemslotView
from app.views.notes import NoteView
from app.views.pictures import Cell, Spark
from app.views.recordings import RecordingView
from app.views.storms import StormRow
from app.views.stretch_parts import StretchView
from app.views.vms import VmView


@dataclass(frozen=True, slots=True)
class Chapter:
    """One storm, or the whole recording where there is none."""

    id: str
    title: str
    headline: str
    facts: StretchView
    peak: float | None  # None: of a stretch that is no storm
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
