"""The line of a VM's conversions, those of VMs stored by earlier versions among them."""

import pytest

from app.queries.inventory import conversion_counts, conversions_line
from app.store.schema import Vm


def vm(**counts: int | dict[str, int] | None) -> Vm:
    return Vm(requested=5, applied=5, **counts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("uncertain", "pages", "ending"),
    [
        (0, 7, "7 pages changed"),
        (0, 0, "0 pages changed"),
        (2, 7, "at least 7 pages changed"),
        (2, 0, "which pages changed is not recorded"),
        (None, 7, "at least 7 pages changed"),  # not counted by the version that stored it
        (None, 0, "which pages changed is not recorded"),
    ],
)
def test_pages_changed_are_ending_as_far_as_they_are_known(
    uncertain: int | None, pages: int, ending: str
) -> None:
    counts = conversion_counts([vm(to_unknown=0, uncertain=uncertain, effective_pages=pages)])
    assert counts.uncertain == uncertain
    assert conversions_line(counts).endswith(ending)


def test_of_several_vms_one_that_leaves_open_makes_the_sum_a_lower_bound() -> None:
    vms = [vm(to_unknown=1, uncertain=0, effective_pages=7), vm(uncertain=3, effective_pages=0)]
    counts = conversion_counts(vms)
    assert (counts.requested, counts.uncertain, counts.to_unknown) == (10, 3, None)
    assert (counts.effective_pages, counts.at_least) == (7, ["effective_pages"])


def test_doubts_leave_open_what_changed_without_being_conversions() -> None:
    counts = conversion_counts([vm(uncertain=0, effective_pages=7, events_by_kind={"doubt": 2})])
    assert (counts.uncertain, counts.at_least) == (0, ["effective_pages"])


def test_without_conversions_nothing_is_open() -> None:
    empty = Vm.model_construct(requested=0, uncertain=None, effective_pages=0)
    assert conversion_counts([empty]).effective_pages == 0
