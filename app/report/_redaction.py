"""A report without what names a host, a guest, a process or a place: what may stay is listed."""

import re
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, cast

from app.model.guest import Capability, EventKind
from app.queries.inventory import MemslotView, RecordingView, VmView
from app.queries.storms import BreakdownRow, DifferenceRow, IntervalView, common_values, headline
from app.report._charts import LINES, SECONDS, Chart
from app.report._contents import Chapter, Report
from app.report._redaction_rules import ERRNO, RANGES, RULES, Rule


class Aliases:
    """Places and threads by numbers of their own, from 1 in the order in which they are met.

    The layout of guest memory is much the same everywhere: addresses that are only moved can be
    moved back by the lowest of them.
    """

    def __init__(self, memslots: Sequence[MemslotView]) -> None:
        self._memslots = memslots
        self._places: dict[int, int] = {}
        self._threads: dict[int, int] = {}

    def place(self, gpa: str | None) -> str | None:
        """ "0x180000000" -> "place 3 in memslot 1"."""
        if gpa is None:
            return None
        address = int(gpa, 16)
        number = self._places.setdefault(address, len(self._places) + 1)
        return f"place {number}{self._slot_of(address)}"

    def label(self, gpa: str) -> str:
        """The place alone; nothing for one that was not met."""
        number = self._places.get(int(gpa, 16))
        return "" if number is None else f"place {number}"

    def _slot_of(self, address: int) -> str:
        covering = {slot.slot for slot in self._memslots if _covers(slot, address)}
        if len(covering) != 1:
            return ""
        (slot,) = covering
        return " in a memslot" if slot is None else f" in memslot {slot}"

    def thread(self, tid: int) -> int:
        """0, a thread that is not known, stays 0."""
        return tid and self._threads.setdefault(tid, len(self._threads) + 1)


def _covers(slot: MemslotView, address: int) -> bool:
    start = int(slot.gpa, 16)
    return start <= address < start + slot.size


LEFT_OUT = "left out"
_THREAD = re.compile(r"thread (\d+)\Z")
_SLOT = re.compile(r"(a memslot|memslot \d+) at (0x[0-9a-f]+)\Z")
_VALUES = common_values()
_VCPU = re.compile(r"vCPU \d{1,5}\Z")
_NUMBERS = ("t", "width", "to_private", "to_shared", "to_unknown", "failed", "page_faults")
_STATES = ("private_gib",)
"""Numbers, or None where nothing is known."""
_KINDS = {kind.name.lower() for kind in EventKind}
_MAP_NUMBERS = ("from", "to", "rows")
_WORDS = {
    "kind": ("timeline", "map"),
    "time": (SECONDS.title, LINES.title),
    "per": (SECONDS.per, LINES.per),
}
_PICTURE = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=]*\Z")
"""Coloured cells and nothing else (app.queries.maps)."""


def redacted(report: Report) -> Report:
    """The same with what `allowed` lists; headlines, values and labels are made anew."""
    return cast(Report, _Redaction(report).copy(report))


class _Redaction:
    def __init__(self, report: Report) -> None:
        self._aliases = Aliases(report.memslots)
        for slot in report.memslots:
            self._aliases.place(slot.gpa)
        self._anew: dict[tuple[type, str], Callable[[Any], object]] = {
            (Report, "is_redacted"): lambda _: True,
            (Chapter, "headline"): lambda chapter: headline(self.copy(chapter.facts)),
            (Chapter, "strips"): self._strips,
            (VmView, "name"): lambda _: "a VM",
            (RecordingView, "name"): lambda _: "the recording",
            (RecordingView, "host"): lambda _: "a host",
            (RecordingView, "coverage"): self._coverage,
            (Chart, "data"): self._data,
            (IntervalView, "events"): self._events,
            (BreakdownRow, "value"): self._value,
            (DifferenceRow, "value"): self._value,
        }

    def copy(self, one: Any) -> Any:  # noqa: ANN401 -- a part of a report, and the same of it
        """KeyError for a part that has no rules."""
        rules = RULES[type(one)]
        return type(one)(**{f.name: self._field(one, f.name, rules) for f in fields(one)})

    def _field(self, one: object, name: str, rules: dict[str, Rule | re.Pattern[str]]) -> object:
        rule, value = rules.get(name, Rule.LEFT_OUT), getattr(one, name)
        if isinstance(rule, re.Pattern):
            return matching(rule, value)
        match rule:
            case Rule.KEPT:
                return self._kept(value)
            case Rule.PLACE:
                return self._aliases.place(value)
            case Rule.THREAD:
                return self._aliases.thread(value)
            case Rule.NAMES:
                return self._names(one, value)
            case Rule.MADE_ANEW:
                return self._anew[type(one), name](one)
            case Rule.LEFT_OUT:
                return None

    def _kept(self, value: Any) -> object:  # noqa: ANN401 -- whatever a field holds
        if isinstance(value, list | tuple):
            return type(value)(self._kept(each) for each in value)
        if is_dataclass(value):
            return self.copy(value)
        return value if isinstance(value, int | float) else None

    def _names(self, one: Any, names: list[str]) -> list[str]:  # noqa: ANN401 -- as `copy`
        known = _KINDS | {field.name for field in fields(one)}
        return [name for name in names if name in known]

    def _strips(self, chapter: Chapter) -> list[tuple[str, object]]:
        return [
            (name, self._kept(cells))
            for name, cells in chapter.strips
            if name in ("before", "after")
        ]

    def _events(self, facts: IntervalView) -> dict[str, int]:
        return {kind: int(number) for kind, number in facts.events.items() if kind in _KINDS}

    def _coverage(self, recording: RecordingView) -> dict[str, object]:
        """What costs what stands in words of the recording's maker: these are left out."""
        named = (spot.get("capability") for spot in recording.coverage.get("missing", ()))
        missing = [{"capability": one, "costs": ""} for one in named if one in set(Capability)]
        ranges = matching(RANGES, recording.coverage.get("conversion_ranges"))
        return {"missing": missing} | ({"conversion_ranges": ranges} if ranges else {})

    def _value(self, row: BreakdownRow | DifferenceRow) -> str:
        text = row.value
        if thread := _THREAD.match(text):
            return f"thread {self._aliases.thread(int(thread[1]))}"
        if slot := _SLOT.match(text):
            return f"{slot[1]}, {self._aliases.place(slot[2])}"
        is_listed = text in _VALUES or _VCPU.match(text) or ERRNO.match(text)
        return text if is_listed else LEFT_OUT

    def _data(self, chart: Chart) -> dict[str, object]:
        """A figure's numbers, and its picture; its addresses are named where they were before."""
        data = chart.data
        kept: dict[str, object] = {
            name: [float(each) for each in data[name]] for name in _NUMBERS if name in data
        }
        for name in _STATES:
            if name in data:
                kept[name] = [None if each is None else float(each) for each in data[name]]
        kept |= {name: float(data[name]) for name in _MAP_NUMBERS if name in data}
        kept |= {name: data[name] for name, words in _WORDS.items() if data.get(name) in words}
        if "image" in data:
            kept["image"] = matching(_PICTURE, data["image"])
            labels = [self._aliases.label(label) for label in data["labels"]]
            named = [
                (int(row), label) for row, label in zip(data["ticks"], labels, strict=True) if label
            ]
            kept["ticks"] = [row for row, _ in named]
            kept["labels"] = [label for _, label in named]
        return kept


def matching(allowed: re.Pattern[str], text: str | None) -> str | None:
    """As much of a text as may stay; None if nothing may."""
    found = allowed.match(text) if text is not None else None
    return found[0] if found else None
