"""How many pages are in which state, as far as the recording shows."""

from dataclasses import dataclass

from app.model.guest import Totals
from app.queries.figures._lower_bounds import AtLeast, bounded


@dataclass(frozen=True, slots=True)
class TotalsView:
    """Pages in memslots by state; where no memslot is known, of those that conversions named."""

    private: int | None
    shared: int | None
    unknown: int | None
    at_least: AtLeast


def totals_view(totals: Totals, *, layout_is_known: bool) -> TotalsView:
    sums = {"private": totals.private, "shared": totals.shared, "unknown": totals.unknown}
    values, least = bounded(sums, () if layout_is_known else tuple(sums))
    return TotalsView(**values, at_least=least)


def known_mixed(
    blocks: int, totals: Totals, *, layout_is_known: bool
) -> tuple[int | None, list[str]]:
    """(2 MiB blocks known to be mixed, its name if that is a lower bound): unknown pages may be in
    mixed ones."""
    is_open = totals.unknown > 0 or not layout_is_known
    values, least = bounded({"mixed_2m": blocks}, ["mixed_2m"] if is_open else [])
    return values["mixed_2m"], least
