import pytest

from app.http.answers import BadParameter
from app.http.parameters._windows import GPA_LIMIT, Gfns, gfns, parse_gpa, times


@pytest.mark.parametrize(
    ("text", "gpa"),
    [
        ("0x180000000", 0x1_8000_0000),
        ("0x1_8000_0000", 0x1_8000_0000),
        ("0X1F", 31),
        ("4096", 4096),
        ("1_000_000", 1_000_000),
        ("0", 0),
    ],
)
def test_addresses_are_hex_or_decimal(text: str, gpa: int) -> None:
    assert parse_gpa(text) == gpa


@pytest.mark.parametrize("text", ["", "180000000h", "ffff", "0x", "1__0", "-4096", "1e9"])
def test_anything_else_is_refused_by_its_text(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no address|is outside"):
        parse_gpa(text)


def test_addresses_end_where_gfns_end() -> None:
    assert parse_gpa(hex(GPA_LIMIT)) == GPA_LIMIT
    with pytest.raises(ValueError, match="outside the guest's address space"):
        parse_gpa(hex(GPA_LIMIT + 1))


def test_pages_touched_by_a_border_count_whole() -> None:
    assert gfns(0x1FFF, 0x2001) == Gfns(1, 3)


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(BadParameter, match="to=5 is not after from=5"):
        times(5, 5)
    with pytest.raises(BadParameter, match="gpa_to=0x1000 is not above gpa_from=0x1000"):
        gfns(0x1000, 0x1000)
