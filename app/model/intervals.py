"""Half-open intervals of whole numbers: of gfns, of time, of what is drawn."""

from collections.abc import Iterable

Interval = tuple[int, int]
"""The first number, and the end, which is no part of it."""


def united(intervals: Iterable[Interval]) -> list[Interval]:
    """All numbers that any of them holds, as ascending intervals that do not touch."""
    found: list[Interval] = []
    for first, end in sorted(intervals):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((first, end))
    return found
