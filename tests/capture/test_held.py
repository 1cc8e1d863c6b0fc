"""Where a recording begins that takes what an armed instance's buffers hold."""

from collector.capture.tracefs._held import LEAD_NS, oldest_ns, start_of

SECOND = 1_000_000_000
STATS = """\
entries: 12
overrun: 3
commit overrun: 0
bytes: 640
oldest event ts:  5725.074803
now ts:  5900.640491
dropped events: 0
read events: 0
"""


def test_where_nothing_was_overwritten_all_is_taken() -> None:
    assert start_of(7, {0: None, 1: None}) == 7


def test_it_begins_with_the_first_cpu_that_is_complete() -> None:
    assert start_of(0, {0: 100 * SECOND, 1: 103 * SECOND}) == 100 * SECOND


def test_it_begins_little_before_the_last_cpu_that_is_complete() -> None:
    assert start_of(0, {0: None, 1: 103 * SECOND}) == 103 * SECOND - LEAD_NS
    assert start_of(0, {0: 50 * SECOND, 1: 103 * SECOND}) == 103 * SECOND - LEAD_NS


def test_it_does_not_begin_before_the_instance_did() -> None:
    assert start_of(101 * SECOND, {0: None, 1: 103 * SECOND}) == 101 * SECOND
    assert start_of(101 * SECOND, {0: 100 * SECOND}) == 101 * SECOND


def test_oldest_event_is_read_from_what_the_kernel_counts() -> None:
    assert oldest_ns(STATS) == 5725_074_802_500, "the kernel gives the nearest microsecond"
    assert oldest_ns(STATS.replace("5725.074803", "   0.000000")) is None
