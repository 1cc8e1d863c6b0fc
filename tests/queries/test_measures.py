"""A map that would be empty states why, and nothing where it would not be."""

import pytest

from app.queries.maps import Measure, why_not
from app.store.schema import EDITION, Recording, Vm

RANGES = {"capability": "conversion-ranges", "costs": "no ranges"}
OTHERS = (Measure.CONVERSIONS, Measure.PAGE_FAULTS, Measure.PING_PONG, Measure.MIXED)


def reasons(kinds: dict[str, int], coverage: dict[str, object], edition: int) -> list[str | None]:
    vm = Vm.model_construct(events_by_kind=kinds, edition=edition)
    recording = Recording.model_construct(coverage=coverage)
    assert why_not(recording, vm, Measure.PRIVATE) is None
    return [why_not(recording, vm, measure) for measure in OTHERS]


def test_what_was_recorded_needs_no_excuse() -> None:
    kinds = {"conversion": 7, "page_fault": 1}
    assert reasons(kinds, {"conversion_ranges": "inferred", "missing": [RANGES]}, EDITION) == [
        None
    ] * len(OTHERS)


def test_conversions_without_ranges_are_nowhere_on_a_map() -> None:
    coverage: dict[str, object] = {"conversion_ranges": "none", "missing": [RANGES]}
    found = reasons({"conversion": 7, "page_fault": 1}, coverage, EDITION)
    assert found == ["no ranges", None, "no ranges", "no ranges"]


def test_nothing_happened_though_it_would_have_been_recorded() -> None:
    conversion, fault = (
        f"This recording has no {what} of this VM." for what in ("conversion", "guest page fault")
    )
    assert reasons({}, {}, EDITION) == [conversion, fault, conversion, conversion]


def test_states_read_from_the_kernel_show_mixed_blocks() -> None:
    assert reasons({"state_read": 3}, {}, EDITION)[-1] is None


@pytest.mark.parametrize("edition", [1, 2])
def test_an_older_recording_lacks_what_was_not_kept(edition: int) -> None:
    found = reasons({"conversion": 7, "page_fault": 1}, {}, edition)
    assert found[:2] == [None, None]
    assert all(why is not None and "earlier gmemscope" in why for why in found[2:])
