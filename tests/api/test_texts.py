"""Text of other people: what of it can be kept, and as what."""

import pytest

from app.http.parameters import file_name, one_line, plain

STEERING = ["\0", "a\0b", "\x1b[2J", "a\x7f", "a\x85b", "\ud800", "a\udc80"]


@pytest.mark.parametrize("text", STEERING)
def test_what_steers_a_terminal_or_is_no_text_is_refused(text: str) -> None:
    for read in (plain, one_line, file_name):
        with pytest.raises(ValueError, match="control characters are no text"):
            read(text)


def test_only_what_has_several_lines_may_break_them() -> None:
    assert plain(" a\r\nb\rc\t ") == "a\nb\nc"
    for read in (one_line, file_name):
        with pytest.raises(ValueError, match="control characters"):
            read("a\nb")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("trace.dat", "trace.dat"),
        ("../../etc/passwd", "passwd"),
        ("C:\\traces\\boot.dat", "boot.dat"),
        ("-o.dat", "-o.dat"),
        ("é" * 127, "é" * 127),
    ],
)
def test_a_file_keeps_its_name_without_its_folders(sent: str, kept: str) -> None:
    assert file_name(sent) == kept


@pytest.mark.parametrize("sent", ["", ".", "..", "a/", "a/..", "\\"])
def test_what_names_no_file_is_refused(sent: str) -> None:
    with pytest.raises(ValueError, match="names no file"):
        file_name(sent)


def test_a_name_that_no_file_system_takes_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 255 bytes"):
        file_name("é" * 128)
