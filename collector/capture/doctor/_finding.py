"""One thing that was looked at, in words for people."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    HAS = "has"
    LACKS = "lacks"
    UNKNOWN = "unknown"
    """This caller may not look; names what would show it."""


@dataclass(frozen=True, slots=True)
class Finding:
    subject: str
    status: Status
    says: str
    costs: str = ""  # what a recording cannot show without it; empty where it is there
    prevents: bool = False  # no recording can be made without it


def has(subject: str, says: str) -> Finding:
    return Finding(subject, Status.HAS, says)


def lacks(subject: str, says: str, costs: str, *, prevents: bool = False) -> Finding:
    return Finding(subject, Status.LACKS, says, costs, prevents)


def unknown(subject: str, says: str) -> Finding:
    return Finding(subject, Status.UNKNOWN, says)
