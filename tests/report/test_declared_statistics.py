"""A statistic of a storm is declared once: everything that shows storms finds it by name."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import TypeAdapter

from app.queries.storms import (
    BreakdownRow,
    CallsView,
    HugePagesView,
    IntervalView,
    LatencyView,
    PagesView,
    TouchedSlot,
    _interval_counts as interval_counts,
    fact_lines,
    statistics_of,
)
from app.queries.storms._statistics import Statistic
from app.report import build_report
from app.report._redaction_rules import RULES, rules, statistics
from app.store.database import open_database
from app.store.read import Reader

BESIDE = {"at_least", "breakers", "buckets", "value", "share", "filter", "memslot"}
CARD = "<dt>blocks looked at</dt><dd>at least 1,234,567</dd>"


@dataclass(frozen=True, slots=True)
class Wider(HugePagesView):
    """With one statistic more, as somebody would add it."""

    looked_at: Annotated[
        int | None,
        Statistic(lambda _: 1_234_567, is_open=lambda _: True, words="blocks looked at"),
    ]
    of_an_hour: Annotated[
        int | None,
        Statistic(lambda _: 0, is_open=lambda _: True, words="blocks of an hour", unit="pages"),
    ]


@pytest.fixture
def reader(stormy: Path) -> Iterator[Reader]:
    engine = open_database(str(stormy))
    yield Reader(engine)
    engine.dispose()


@pytest.fixture
def facts(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> IntervalView:
    monkeypatch.setattr(interval_counts, "HugePagesView", Wider)
    (vm,) = reader.vms()
    return interval_counts.interval_view(reader, vm, *reader.span(1))


def test_a_new_statistic_is_counted_with_what_is_known_of_it(facts: IntervalView) -> None:
    assert isinstance(facts.huge_pages, Wider)
    assert facts.huge_pages.looked_at == 1_234_567
    assert facts.huge_pages.of_an_hour is None
    assert "looked_at" in facts.huge_pages.at_least
    assert "of_an_hour" not in facts.huge_pages.at_least


def test_rest_answers_it_by_its_name(facts: IntervalView) -> None:
    assert isinstance(facts.huge_pages, Wider)
    answer = TypeAdapter(Wider).dump_python(facts.huge_pages)
    assert answer["looked_at"] == 1_234_567


def test_a_terminal_has_a_line_for_it(facts: IntervalView) -> None:
    lines = list(fact_lines(facts))
    assert "blocks looked at: at least 1,234,567" in lines
    assert "blocks of an hour: not recorded" in lines


@pytest.mark.parametrize("redact", [False, True])
@pytest.mark.usefixtures("facts")
def test_page_and_report_have_a_card_for_it(
    reader: Reader, redact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RULES, Wider, statistics(Wider) | rules(kept="breakers", names="at_least"))
    (vm,) = reader.vms()
    text = build_report(reader, vm, None, redact=redact).replace("\u2009", ",")
    assert CARD in text
    assert "<dt>blocks of an hour</dt><dd>not recorded</dd>" in text


@pytest.mark.parametrize(
    "part", [CallsView, PagesView, LatencyView, HugePagesView, BreakdownRow, TouchedSlot]
)
def test_every_number_of_a_part_is_a_declared_statistic(part: type) -> None:
    assert {field.name for field in fields(part)} - BESIDE == set(statistics_of(part))
