"""How far behind a collector says that it is, and when."""

import numpy as np

from collector.assemble import parts_of
from collector.assemble._assembler import MOST_RARE_CALLS
from collector.capture.agent._lag import Lag
from tests.capture.live_double import conversion, created_vm

SECOND = 1_000_000_000


def said_of(*looks: tuple[float, float]) -> list[str]:
    """What is said if at these times, in seconds, so much can be seen."""
    said: list[str] = []
    now = [0]
    lag = Lag(lambda: now[0], said.append)
    for at, visible in looks:
        now[0] = int(at * SECOND)
        lag.look(int(visible * SECOND))
    return [sentence.partition(":")[0] for sentence in said]


def test_a_collector_that_keeps_up_says_nothing() -> None:
    assert not said_of((0.3, 0), (0.6, 0.2), (4.9, 0.6), (5.1, 4.9), (9, 8.8))


def test_a_collector_says_that_it_is_behind_whenever_that_has_doubled() -> None:
    looks = [(at, 0.0) for at in range(30)]
    assert said_of(*looks) == [f"{at} s behind what happens" for at in (5, 10, 20)]


def test_a_collector_says_that_it_has_caught_up_and_may_be_late_again() -> None:
    assert said_of((8, 0), (9, 7), (10, 9.5), (11, 10.5), (20, 11), (21, 20.5)) == [
        "8 s behind what happens",
        "caught up; it was 9 s behind at most",
        "10 s behind what happens",
        "caught up; it was 10 s behind at most",
    ]


def test_parts_are_the_same_calls_with_few_rare_ones_each() -> None:
    calls = np.repeat(np.concatenate((created_vm(1), conversion(2, 0))), 3 * MOST_RARE_CALLS)
    parts = list(parts_of(calls))
    assert (np.concatenate(parts) == calls).all()
    assert [int((part["code"] == calls["code"][0]).sum()) for part in parts] == [
        MOST_RARE_CALLS,
        MOST_RARE_CALLS,
        MOST_RARE_CALLS,
    ]


def test_a_flood_stays_whole() -> None:
    flood = np.repeat(conversion(1, 0), 10 * MOST_RARE_CALLS)
    (part,) = parts_of(flood)
    assert len(part) == len(flood)
    assert not list(parts_of(flood[:0]))
