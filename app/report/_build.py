"""An incident report: one HTML file that opens anywhere, with everything it needs inside."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from app import resources
from app.queries.events import note_view
from app.queries.figures import row_id
from app.queries.history import interval_pictures
from app.queries.home import SPARK_HEIGHT, STRIP_HEIGHT, STRIP_WIDTH
from app.queries.inventory import find_recording, memslot_view, vm_view
from app.queries.maps import interval_of
from app.queries.storms import StormRow, StormRules, Storms, headline, interval_view
from app.report._charts import Chart, map_chart, timeline_chart
from app.report._contents import Chapter, Report
from app.report._redaction import redacted
from app.store.read import Reader
from app.store.schema import Vm
from app.templating import markup

PLOTLY = resources.browser_library("plotly.min.js")
MOST_STORMS = 10
MEMSLOTS_SHOWN = 200


class ReportError(Exception):
    """A report cannot be made; names why and what to do."""


def build_report(
    reader: Reader,
    vm: Vm,
    storm_id: str | None,
    *,
    redact: bool,
    rules: StormRules | None = None,
) -> str:
    """The HTML of a report on one storm, or on all of a VM's.

    Raises NotFound if there is no such storm, ReportError if the browser's library is missing.
    """
    if not PLOTLY.exists():
        raise ReportError(f"a report carries {PLOTLY.name} along: {resources.WITHOUT_LIBRARIES}")
    report = _compose(reader, vm, storm_id, rules)
    if redact:
        report = redacted(report)
    charts = [*report.overview, *(chart for one in report.chapters for chart in one.charts)]
    return markup(
        "report.html",
        report=report,
        style=_inline("css/base.css", "css/storms.css", "css/report.css"),
        library=PLOTLY.read_text(),
        script=_inline("js/pages/report.js"),
        data=_as_script({chart.id: chart.data for chart in charts}),
        spark_height=SPARK_HEIGHT,
        strip_width=STRIP_WIDTH,
        strip_height=STRIP_HEIGHT,
        nowhere=lambda **_: None,
    )


def _inline(*names: str) -> str:
    return "\n".join((resources.folder("static") / name).read_text() for name in names)


def _as_script(data: dict[str, Any]) -> str:
    """JSON that no text in it can end the element it stands in."""
    return json.dumps(data).replace("<", "\\u003c")


def _compose(reader: Reader, vm: Vm, storm_id: str | None, rules: StormRules | None) -> Report:
    storms = Storms(reader)
    found = storms.list(vm, rules).storms
    if storm_id is not None:
        chosen = [storms.find(vm, storm_id, rules)]
    else:
        kept = [storm for storm in found if storm.is_kept]
        chosen = sorted(kept, key=lambda storm: -storm.calls)[:MOST_STORMS]
        chosen.sort(key=lambda storm: storm.from_t)
    span = interval_of(reader, row_id(vm), None, None)
    about = (None, None) if storm_id is None else (chosen[0].from_t, chosen[0].to_t)
    chapters = [
        _chapter(
            reader, vm, storm.id, _title(storm), (storm.from_t, storm.to_t), storm.peak_per_second
        )
        for storm in chosen
    ] or list(_all_that_is_kept(reader, vm, span))
    slots = sorted(reader.memslots(row_id(vm)), key=lambda slot: (slot.from_t, slot.base_gfn))
    return Report(
        vm=vm_view(reader, vm),
        recording=find_recording(reader, vm.recording_id),
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        is_redacted=False,
        storms=found,
        storms_left_out=len(found) - len(chosen),
        overview=_charts(reader, vm, "overview", span),
        chapters=chapters,
        memslots=[memslot_view(slot) for slot in slots[:MEMSLOTS_SHOWN]],
        memslots_left_out=len(slots[MEMSLOTS_SHOWN:]),
        notes=[note_view(note) for note in reader.notes(row_id(vm), *about)],
    )


def _all_that_is_kept(reader: Reader, vm: Vm, span: tuple[int, int]) -> Iterator[Chapter]:
    """One chapter, unless no events are left."""
    since = reader.kept_since(row_id(vm), span[1])
    if since <= span[0]:
        yield _chapter(reader, vm, "whole", "The whole recording", span)
    elif since < span[1]:
        yield _chapter(reader, vm, "kept", "Since when events are kept", (since, span[1]))


def _title(storm: StormRow) -> str:
    return f"Storm {storm.id}: {storm.calls:,} {storm.kind}"


def _chapter(
    reader: Reader,
    vm: Vm,
    chapter_id: str,
    title: str,
    interval: tuple[int, int],
    peak: float | None = None,
) -> Chapter:
    from_t, to_t = interval
    facts = interval_view(reader, vm, from_t, to_t)
    pictures = interval_pictures(reader, row_id(vm), from_t, to_t)
    return Chapter(
        chapter_id,
        title,
        headline(facts),
        facts,
        peak,
        pictures.spark,
        pictures.strips,
        pictures.changes,
        _charts(reader, vm, chapter_id, interval),
    )


def _charts(reader: Reader, vm: Vm, prefix: str, interval: tuple[int, int]) -> list[Chart]:
    charts = [
        timeline_chart(reader, vm, *interval, f"{prefix}-timeline"),
        map_chart(reader, vm, *interval, f"{prefix}-map"),
    ]
    return [chart for chart in charts if chart is not None]
