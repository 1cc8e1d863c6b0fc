"""What people choose events by where there are a few values, in words, and what a form offers."""

from typing import Final, NamedTuple

from app.model.guest import WORDS
from app.queries.events._filters import CHOICES

VALUE_WORDS: Final[dict[str, dict[str, str]]] = {
    "kind": {name: WORDS[kind].words for name, kind in CHOICES["kind"].items()},
    "outcome": {name: name for name in CHOICES["outcome"]},
    "direction": {
        "private": "to private",
        "shared": "to shared",
        "unknown": "direction unknown",
    },
    "cause": {
        "explicit": "explicit",
        "implicit": "implicit",
        "vmm": "vmm",
        "none": "cause not recorded",
    },
    "size": {
        "4k": "4 KiB",
        "2m": "2 MiB",
        "below_2m": "less than 2 MiB",
        "above_2m": "more than 2 MiB",
        "unaligned_2m": "2 MiB, not aligned",
        "unknown": "range not recorded",
    },
}
"""By the name of the parameter and the value; static/js/shared/event_kinds.js is made from it."""


class Choice(NamedTuple):
    """One option of a form: any of the values."""

    values: tuple[str, ...]
    words: str


def _of_kinds() -> tuple[Choice, ...]:
    groups: dict[str, tuple[str, ...]] = {}
    for kind, words in WORDS.items():
        if words.group:
            groups[words.group] = (*groups.get(words.group, ()), kind.name.lower())
    return tuple(Choice(values, words) for words, values in groups.items())


def _each(name: str) -> tuple[Choice, ...]:
    return tuple(Choice((value,), words) for value, words in VALUE_WORDS[name].items())


OFFERED: Final[dict[str, tuple[Choice, ...]]] = {
    "kind": _of_kinds(),
    "outcome": _each("outcome"),
    "direction": _each("direction"),
    "cause": _each("cause"),
    "size": (*_each("size"), Choice(("2m", "above_2m", "unaligned_2m"), "2 MiB or more")),
}
"""What the explorer's bar offers, beside any."""
