"""How long a login lasts, and what wrong tokens cost."""

import pytest

from app.access._guesses import FREE, LONGEST_WAITS, MOST_ADDRESSES, Guesses
from app.access._sessions import IDLE_S, LONGEST_S, MOST, Sessions


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_session_lasts_while_it_is_used(clock: Clock) -> None:
    sessions = Sessions(clock)
    name = sessions.begin()
    for _ in range(3):
        clock.now += IDLE_S - 1
        assert sessions.holds(name)
    clock.now += IDLE_S
    assert not sessions.holds(name)
    clock.now -= 1
    assert not sessions.holds(name)


def test_no_session_lasts_for_ever(clock: Clock) -> None:
    sessions = Sessions(clock)
    name = sessions.begin()
    for _ in range(LONGEST_S // 3600 - 1):
        clock.now += 3600
        assert sessions.holds(name)
    clock.now += 3600
    assert not sessions.holds(name)


def test_of_too_many_sessions_the_one_unused_for_longest_ends(clock: Clock) -> None:
    sessions = Sessions(clock)
    first, second = sessions.begin(), sessions.begin()
    assert sessions.holds(first)
    others = [sessions.begin() for _ in range(MOST - 1)]
    assert sessions.holds(first)
    assert not sessions.holds(second)
    assert all(map(sessions.holds, others))


def test_a_session_that_was_ended_or_never_began_is_none(clock: Clock) -> None:
    sessions = Sessions(clock)
    name = sessions.begin()
    sessions.end(name)
    sessions.end("never")
    assert not sessions.holds(name)
    assert not sessions.holds("")


def test_a_few_mistakes_cost_nothing_and_further_ones_time(clock: Clock) -> None:
    guesses = Guesses(2.0, clock)
    waits = [guesses.wait_s("192.0.2.1") for _ in range(FREE + 8)]
    assert waits == [0.0] * FREE + [2.0, 4.0, 6.0, 8.0] + [2.0 * LONGEST_WAITS] * 4
    clock.now += 2.0 * (FREE + LONGEST_WAITS)
    assert guesses.wait_s("192.0.2.1") == 0


def test_who_guesses_at_the_pace_allowed_waits_no_longer_than_that(clock: Clock) -> None:
    guesses = Guesses(2.0, clock)
    for _ in range(FREE):
        guesses.wait_s("192.0.2.1")
    for _ in range(20):
        wait = guesses.wait_s("192.0.2.1")
        assert wait == 2.0
        clock.now += wait


def test_one_address_slows_down_no_other(clock: Clock) -> None:
    guesses = Guesses(1.0, clock)
    for address in ("192.0.2.1", "2001:db8::1"):
        for _ in range(FREE + 1):
            last = guesses.wait_s(address)
        assert last > 0
    assert guesses.wait_s("192.0.2.2") == 0
    assert guesses.wait_s("2001:db8:0:1::1") == 0
    assert guesses.wait_s("::ffff:192.0.2.1") > 0
    assert guesses.wait_s("2001:db8::2:3%eth0") > 0  # of the same network


def test_what_is_remembered_of_addresses_is_bounded(clock: Clock) -> None:
    guesses = Guesses(1.0, clock)
    for i in range(MOST_ADDRESSES + 10):
        guesses.wait_s(f"10.0.{i >> 8}.{i & 255}")
    assert len(guesses) == MOST_ADDRESSES
