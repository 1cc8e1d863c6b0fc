"""The events between two moments against all events and changes of that time, one by one."""

import numpy as np
import pytest
from typer.testing import CliRunner

from app import cli
from app.model.events import Window, effect_time
from app.model.guest import EventKind, Outcome, To
from app.model.stats import EventQuery
from app.queries.history import events_between
from app.store.database import open_database
from app.store.read import Reader

FROM_T, TO_T = 15_750_000_001, 16_250_000_001


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    database = tmp_path_factory.mktemp("between") / "b.db"
    arguments = ["simulate", "boot-and-storm", "--seed", "6", "--database", str(database)]
    assert CliRunner().invoke(cli.app, arguments).exit_code == 0
    return Reader(open_database(str(database)))


def expected(reader: Reader, from_t: int, to_t: int) -> list[tuple[int, int, int]]:
    """(event, pages that became private, pages that became shared), where any did."""
    pages: dict[int, list[int]] = {}
    for changes in reader.iter_changes(1, Window(from_t, to_t)):
        for row in changes:
            if row["event"] >= 0 and row["before"] != row["after"] and row["in_memslot"]:
                became = pages.setdefault(int(row["event"]), [0, 0, 0])
                became[int(row["after"])] += int(row["npages"])
    return [(seq, became[1], became[0]) for seq, became in sorted(pages.items())]


def test_the_first_events_that_changed_pages_are_listed(reader: Reader) -> None:
    truth = expected(reader, FROM_T, TO_T)
    assert len(truth) > 100
    found = events_between(reader, 1, FROM_T, TO_T, 50)
    assert [(s.seq, s.pages.private, s.pages.shared) for s in found.first] == truth[:50]
    assert found.has_more
    assert {step.what for step in found.first} <= {"conversion to private", "conversion to shared"}
    assert all(step.changed_pages for step in found.first)
    everything = events_between(reader, 1, FROM_T, TO_T, len(truth))
    assert not everything.has_more
    assert [step.seq for step in everything.first] == [seq for seq, *_ in truth]


def test_all_calls_are_counted_by_kind(reader: Reader) -> None:
    events, _ = reader.events(1, EventQuery(FROM_T, TO_T), limit=1_000_000)
    calls = events[events["kind"] == EventKind.CONVERSION]
    applied = calls[calls["outcome"] == Outcome.APPLIED]
    counts = events_between(reader, 1, FROM_T, TO_T, 1).counts
    assert counts["conversions to private"] == np.sum(applied["to"] == To.PRIVATE)
    assert counts["conversions to shared"] == np.sum(applied["to"] == To.SHARED)
    assert counts["failed conversions"] == np.sum(calls["outcome"] == Outcome.FAILED) > 0
    assert counts["hypercalls"] == np.sum(events["kind"] == EventKind.HYPERCALL)
    assert ((effect_time(events) >= FROM_T) & (effect_time(events) < TO_T)).all()


def test_a_loss_is_listed_with_what_it_made_unknown(reader: Reader) -> None:
    loss = reader.losses(reader.vms()[0].recording_id)[0]
    found = events_between(reader, 1, loss.from_t - 1_000_000, loss.from_t + 1_000_000, 1000)
    begin = next(step for step in found.first if step.what == "loss begin")
    assert begin.pages.unknown == begin.changed_pages > 0


def test_where_nothing_changed_nothing_is_known(reader: Reader) -> None:
    found = events_between(reader, 1, 10**15, 10**15 + 1, 50)
    assert (found.first, found.has_more, set(found.counts.values())) == ([], False, {0})
