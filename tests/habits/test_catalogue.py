"""The catalogue of kernel events is whole, and the only place that names a tracepoint."""

import ast
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.model.guest import WORDS, Capability, EventKind
from collector.codes import CallCode, RecordCode
from collector.kvm import uapi
from collector.kvm.catalogue import COST_OF_MISSING, EVENTS, IOCTLS, KernelEvent, Recorded, calls
from collector.records import RECORD

ROOT = Path(__file__).parents[2]
VALUES = RECORD["v"].shape[0]
LOSSES = {"LOSS_BEGIN", "LOSS_END"}
OF_NO_EVENT = {"LATE_RETURN"} | LOSSES
"""Calls that pairing makes of what it did not see."""
MADE_OF_SEVERAL = {
    EventKind.PUNCH_HOLE,  # an ALLOCATE by its mode
    EventKind.LOSS_BEGIN,
    EventKind.LOSS_END,
    EventKind.POPULATION,
    EventKind.STATE_READ,
    EventKind.DOUBT,
    EventKind.EXPIRED,
}
NOT_BY_ONE_EVENT = {Capability.IN_PLACE_CONVERSIONS}
"""It takes the event probe with a cmd, or a program that watches guest_memfds."""
EXAMPLES = {"app/commands/upkeep/_warm.py"}
"""Has lines of every format, as they are read."""

POINTS = {point for event in EVENTS for point in event.points}
NAMES = {point.split(":")[1] for point in POINTS}
NAMED = re.compile(
    rf"(?:^|[/:])(?:{'|'.join(point.replace(':', '[:/]') for point in sorted(POINTS))})(?:$|[/ ])"
)
"""In a path or a program, not in prose."""


@pytest.mark.parametrize(
    "event", EVENTS, ids=lambda event: "/".join((event.code.name, *event.points))
)
def test_a_row_is_whole(event: KernelEvent) -> None:
    assert event.points or event.shapes
    assert event.parts or event.shapes, "its fields"
    for part in (*event.parts, *(part for shape in event.shapes for part in shape.parts)):
        assert 0 <= part.index < VALUES
    for line in event.lines:
        assert all(0 <= store.index < VALUES for store in (*line.stores, *line.constants))
    is_tracepoint = bool(event.points) and event.recorded is not Recorded.FILTERED
    assert bool(event.lines) == is_tracepoint, "how text traces print it"
    assert bool(event.probes) == (event.recorded is Recorded.AS_PROBE)
    assert all(probe.costs for probe in event.probes)


def test_every_record_is_that_of_a_row() -> None:
    found = {event.code for event in EVENTS} | {event.returns for event in EVENTS}
    assert {code for code in RecordCode if code not in found} == {RecordCode[n] for n in LOSSES}


def test_every_call_is_that_of_a_row() -> None:
    assert set(CallCode) - set(calls()) == {CallCode[name] for name in OF_NO_EVENT}
    for event in EVENTS:
        assert all(call == calls()[call.code] for call in event.calls), "each call is one thing"


def test_every_kind_of_event_is_that_of_a_call() -> None:
    kinds = {call.kind for call in calls().values()}
    assert set(EventKind) - kinds == MADE_OF_SEVERAL


def test_every_question_is_answered_by_a_row_and_has_a_cost() -> None:
    given = {one for event in EVENTS for one in event.gives}
    assert set(Capability) - given == NOT_BY_ONE_EVENT
    assert set(COST_OF_MISSING) == set(Capability)


def test_letters_are_distinct_and_print_fields_of_their_event() -> None:
    letters = [letter for call in calls().values() for letter in call.letters]
    assert len({one.letter for one in letters}) == len(letters)
    for event in EVENTS:
        names = {part.name for part in event.parts}
        for letter in (one for call in event.calls for one in call.letters if one.fields):
            assert set(letter.fields) <= names
            assert len(letter.fields) == letter.values
        for letter in (one for call in event.calls for one in call.letters):
            assert letter.packs is None or letter.values == 1


def test_letters_of_ioctls_print_the_struct_as_far_as_its_last_field() -> None:
    letters = [letter for call in calls().values() for letter in call.letters]
    values = {letter.ioctl: letter.values for letter in letters if letter.ioctl is not None}
    assert set(values) == set(IOCTLS)
    structs = {ioctl: max(struct.offsets.values()) for ioctl, struct in uapi.STRUCT_OF.items()}
    assert {ioctl: values[ioctl] for ioctl in structs} == {
        ioctl: last // 8 + 1 for ioctl, last in structs.items()
    }


def test_the_browser_calls_kinds_of_events_as_the_model_does() -> None:
    assert set(WORDS) == set(EventKind)
    write = runpy.run_path(str(ROOT / "scripts" / "event-words"))
    assert write["TARGET"].read_text() == write["module"](), "run scripts/event-words"


def strings_of(path: Path) -> Iterator[str]:
    """The texts in a file that are no docstrings."""
    tree = ast.parse(path.read_text())
    alone = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in alone:
            yield node.value


def test_nothing_else_names_a_tracepoint() -> None:
    home = ROOT / "collector" / "kvm"
    naming = {
        f"{path.relative_to(ROOT)}: {text}"
        for folder in ("app", "collector")
        for path in (ROOT / folder).rglob("*.py")
        if home not in path.parents and str(path.relative_to(ROOT)) not in EXAMPLES
        for text in strings_of(path)
        if text in NAMES or NAMED.search(text)
    }
    assert naming == set()
