"""Text of other people on its way to the database, to a file's name, to somebody's terminal."""

from unicodedata import category

LONGEST_FILE_NAME_BYTES = 255
"""NAME_MAX (include/uapi/linux/limits.h)."""


def plain(text: object) -> object:
    """Several lines: they end in one way, and nothing in them steers a terminal."""
    if not isinstance(text, str):
        return text
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    _refuse_controls(lines, allowed="\n\t")
    return lines


def one_line(text: object) -> object:
    """The same where there is one line only."""
    if not isinstance(text, str):
        return text
    line = text.strip()
    _refuse_controls(line)
    return line


def file_name(text: str) -> str:
    """A name that a file can have here, without the folders before it. Raises ValueError."""
    _refuse_controls(text)
    name = text.replace("\\", "/").rpartition("/")[2]
    if name in ("", ".", ".."):
        raise ValueError(f"{text!r} names no file")
    if len(name.encode()) > LONGEST_FILE_NAME_BYTES:
        raise ValueError(f"a file's name has at most {LONGEST_FILE_NAME_BYTES} bytes of UTF-8")
    return name


def _refuse_controls(text: str, allowed: str = "") -> None:
    """Control characters, and halves of surrogate pairs: no UTF-8 has them."""
    if any(category(letter) in ("Cc", "Cs") and letter not in allowed for letter in text):
        raise ValueError("control characters are no text")
