"""Numbers as people read them."""

import pytest

from app.queries.figures import _number_text as text


@pytest.mark.parametrize(
    ("number", "expected"), [(0, "0"), (999, "999"), (434_176, "434\u2009176")]
)
def test_count(number: int, expected: str) -> None:
    assert text.count(number) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (4096, "4.0 KiB"),
        (4_089_446, "3.9 MiB"),
        ((1 << 20) - 1, "1.0 MiB"),
        (1 << 40, "1.0 TiB"),
        (1 << 70, "1048576.0 PiB"),
    ],
)
def test_size(number: int, expected: str) -> None:
    assert text.size(number) == expected


def test_a_difference_of_pages_has_its_sign() -> None:
    assert [text.more_pages(n) for n in (512, 0, -1)] == ["+2.0 MiB", "+0 B", "−4.0 KiB"]


def test_shares_are_written_as_in_the_browser() -> None:
    """As tests/js/units.test.js has them."""
    shares = [text.share(part) for part in (0, 1e-9, 0.0712, 0.5, 1 - 1e-9, 1)]
    assert shares == ["0 %", "< 0.1 %", "7.1 %", "50 %", "> 99.9 %", "100 %"]


def test_where_lines_are_counted_a_time_is_a_line() -> None:
    assert text.line(4_711_000) == "line 4\u2009711"
    assert [text.lines(1000), text.lines(12_000)] == ["1 line", "12 lines"]


@pytest.mark.parametrize(
    ("ns", "expected"),
    [
        (12_345_678_000, "t+12.345\u2009678 s"),
        (12_345_678_901, "t+12.345\u2009678\u2009901 s"),
        (0, "t+0.000\u2009000 s"),
    ],
)
def test_time(ns: int, expected: str) -> None:
    assert text.time(ns) == expected


@pytest.mark.parametrize(
    ("ns", "expected"),
    [(7, "7 ns"), (41_234, "41.2 µs"), (999_999, "1 ms"), (2_650_000_000, "2.65 s")],
)
def test_duration(ns: int, expected: str) -> None:
    assert text.duration(ns) == expected


def test_address() -> None:
    assert text.address("0x110000000") == "0x1_1000_0000"
    assert text.address("0x0") == "0x0_0000_0000"
    assert text.address("0xfffffffffffff") == "0xf_ffff_ffff_ffff"


def test_losses_of_unknown_number() -> None:
    assert text.lost(0, 2) == "an unknown number of events lost"
    assert text.lost(1502, 1) == "1\u2009502 events lost"
    assert text.lost(0, 0) == ""


def test_wall_time() -> None:
    assert text.wall_time("1763820000123456789") == "2025-11-22 14:00:00 UTC"
    assert text.wall_time(None) is None
