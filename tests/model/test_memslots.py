"""When a memslot is there."""

import pytest

from app.model.guest import Backing, Certainty, Memslot


def memslot(from_t: int, to_t: int | None) -> Memslot:
    return Memslot(0, 0, 1, None, Backing.HVA, Certainty.SEEN, None, from_t=from_t, to_t=to_t)


@pytest.mark.parametrize(("t", "is_alive"), [(9, False), (10, True), (19, True), (20, False)])
def test_a_memslot_is_alive_up_to_but_without_its_end(t: int, is_alive: bool) -> None:
    assert memslot(10, 20).is_alive_at(t) == is_alive


def test_one_without_an_end_stays_alive() -> None:
    assert memslot(10, None).is_alive_at(1 << 61)


@pytest.mark.parametrize(
    ("from_t", "to_t", "was_alive"),
    [
        (0, 10, False),
        (0, 11, True),
        (19, 30, True),
        (20, 30, False),
        (None, 10, False),
        (None, 11, True),
        (19, None, True),
        (20, None, False),
        (None, None, True),
    ],
)
def test_it_was_alive_in_a_window_that_shares_an_instant(
    from_t: int | None, to_t: int | None, was_alive: bool
) -> None:
    assert memslot(10, 20).was_alive_in(from_t, to_t) == was_alive
