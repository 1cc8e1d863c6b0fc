"""What each operation does to a page, as one table that compiled code looks up.

Inside the page map a page has a *code*: untouched (nothing named it yet, so it is in the map's
default state) or one of the three known-by-name states. The place of a page is what covers it.
"""

from collections.abc import Callable
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from app.model.guest import PageState

UNTOUCHED = 0
CODES = 4
"""UNTOUCHED, then PageState + 1."""

NEXT, BEFORE, AFTER, IN_MEMSLOT = range(4)
"""Fields of a rule: the code that follows and the `CHANGE` row of it."""

NO_ROW = 255
"""As BEFORE: the page yields no row."""


class Place(IntEnum):
    NO_MEMSLOT = 0
    CAN_BE_PRIVATE = 1
    HVA_ONLY = 2


class Operation(IntEnum):
    """What may happen to a range of pages."""

    SET_SHARED = 0
    SET_PRIVATE = 1
    SET_UNKNOWN = 2
    DOUBT_SHARED = 3
    """Asked to be shared, but nobody saw whether it was done: pages that are shared anyway stay
    known, the others become unknown."""
    DOUBT_PRIVATE = 4
    DOUBT_UNKNOWN = 5
    LOSE_SHARED = 6
    """The same where a call that was lost may have undone it: that a page stays unknown is written,
    too, for the conversion may have changed it."""
    LOSE_PRIVATE = 7
    LOSE_UNKNOWN = 8
    FORGET = 9
    """Events were lost: unknown, save pages known shared in hva-only memslots."""
    REVEAL = 10
    """Without any known memslot pages are drawn from the first conversion that names them."""
    REVEAL_HVA = 11
    """The same under an hva-only memslot, where unknown means shared."""
    HIDE = 12
    """The first memslot is known: pages drawn outside it are no longer drawn."""
    APPEAR = 13
    """A memslot covers pages that none covered."""
    APPEAR_HVA = 14
    VANISH = 15
    """The last memslot over a page is gone. Its attribute stays."""
    SHARED_BY_NATURE = 16
    """Pages now covered by hva-only memslots alone cannot be private."""
    LIST = 17
    """Changes nothing; yields every touched page in the cover."""
    RECALL_SHARED = 18
    """Replay: put back what a row holds. Yields nothing."""
    RECALL_PRIVATE = 19
    RECALL_UNKNOWN = 20


Rule = tuple[int, int, int]
"""NEXT, BEFORE, AFTER."""


def _to(code: int, before: int, after: int) -> Rule:
    """Take `code`, with a row if the state of the page became another."""
    return code, (NO_ROW if before == after else before), after


def _set(wanted: PageState) -> Callable[[int, int, Place], Rule]:
    def rule(code: int, state: int, place: Place) -> Rule:
        # Where nothing is drawn, "touched" must mean "named by a row", or replay would differ.
        stays_untouched = place is Place.NO_MEMSLOT and state == wanted
        return _to(code if stays_untouched else wanted + 1, state, wanted)

    return rule


def _doubt(wanted: PageState) -> Callable[[int, int, Place], Rule]:
    def rule(code: int, state: int, place: Place) -> Rule:
        outcome = wanted if state == wanted else PageState.UNKNOWN
        stays_untouched = place is Place.NO_MEMSLOT and state == outcome
        return _to(code if stays_untouched else outcome + 1, state, outcome)

    return rule


def _lose(wanted: PageState) -> Callable[[int, int, Place], Rule]:
    doubted = _doubt(wanted)

    def rule(code: int, state: int, place: Place) -> Rule:
        if state == PageState.UNKNOWN and place is not Place.NO_MEMSLOT:
            return PageState.UNKNOWN + 1, state, PageState.UNKNOWN
        return doubted(code, state, place)

    return rule


def _forget(code: int, state: int, place: Place) -> Rule:
    is_shared_by_nature = place is Place.HVA_ONLY and state == PageState.SHARED
    if code == UNTOUCHED or is_shared_by_nature:
        return _to(code, state, state)
    return _to(PageState.UNKNOWN + 1, state, PageState.UNKNOWN)


def _natural(state: int) -> int:
    return PageState.SHARED if state == PageState.UNKNOWN else state


def _reveal(code: int, state: int, place: Place) -> Rule:
    if code != UNTOUCHED:
        return _to(code, state, state)
    return _to(state + 1, PageState.NO_MEMSLOT, state)


def _reveal_hva(code: int, state: int, place: Place) -> Rule:
    if code != UNTOUCHED:
        return _to(code, state, state)
    return _to(_natural(state) + 1, PageState.NO_MEMSLOT, _natural(state))


def _hide(code: int, state: int, place: Place) -> Rule:
    after = state if code == UNTOUCHED else PageState.NO_MEMSLOT
    return _to(code, state, after)


def _appear(code: int, state: int, place: Place) -> Rule:
    if place is not Place.NO_MEMSLOT:
        return _to(code, state, state)
    return _to(state + 1, PageState.NO_MEMSLOT, state)


def _appear_hva(code: int, state: int, place: Place) -> Rule:
    if place is not Place.NO_MEMSLOT:
        return _to(code, state, state)
    return _to(_natural(state) + 1, PageState.NO_MEMSLOT, _natural(state))


def _vanish(code: int, state: int, place: Place) -> Rule:
    after = PageState.NO_MEMSLOT if place is Place.NO_MEMSLOT else state
    return _to(code, state, after)


def _shared_by_nature(code: int, state: int, place: Place) -> Rule:
    if place is not Place.HVA_ONLY:
        return _to(code, state, state)
    return _to(_natural(state) + 1, state, _natural(state))


def _recall(held: PageState) -> Callable[[int, int, Place], Rule]:
    return lambda code, state, place: (held + 1, NO_ROW, held)


def _list(code: int, state: int, place: Place) -> Rule:
    is_listed = code != UNTOUCHED and place is not Place.NO_MEMSLOT
    return code, (state if is_listed else NO_ROW), state


_RULES: dict[Operation, Callable[[int, int, Place], Rule]] = {
    Operation.SET_SHARED: _set(PageState.SHARED),
    Operation.SET_PRIVATE: _set(PageState.PRIVATE),
    Operation.SET_UNKNOWN: _set(PageState.UNKNOWN),
    Operation.DOUBT_SHARED: _doubt(PageState.SHARED),
    Operation.DOUBT_PRIVATE: _doubt(PageState.PRIVATE),
    Operation.DOUBT_UNKNOWN: _doubt(PageState.UNKNOWN),
    Operation.LOSE_SHARED: _lose(PageState.SHARED),
    Operation.LOSE_PRIVATE: _lose(PageState.PRIVATE),
    Operation.LOSE_UNKNOWN: _lose(PageState.UNKNOWN),
    Operation.FORGET: _forget,
    Operation.REVEAL: _reveal,
    Operation.REVEAL_HVA: _reveal_hva,
    Operation.HIDE: _hide,
    Operation.APPEAR: _appear,
    Operation.APPEAR_HVA: _appear_hva,
    Operation.VANISH: _vanish,
    Operation.SHARED_BY_NATURE: _shared_by_nature,
    Operation.LIST: _list,
    Operation.RECALL_SHARED: _recall(PageState.SHARED),
    Operation.RECALL_PRIVATE: _recall(PageState.PRIVATE),
    Operation.RECALL_UNKNOWN: _recall(PageState.UNKNOWN),
}

_CHANGES_ATTRIBUTES = frozenset(range(Operation.FORGET + 1)) | {Operation.SHARED_BY_NATURE}
"""Operations whose rows may lie outside memslots; the others only concern what is drawn."""


def _table() -> npt.NDArray[np.uint8]:
    table = np.zeros((3, len(Operation), len(Place), CODES, 4), np.uint8)
    for default, operation, place, code in np.ndindex(table.shape[:4]):
        state = default if code == UNTOUCHED else code - 1
        rule = _RULES[Operation(operation)](code, state, Place(place))
        is_inside = place != Place.NO_MEMSLOT or operation not in _CHANGES_ATTRIBUTES
        table[default, operation, place, code] = (*rule, is_inside)
    return table


TRANSITIONS = _table()
"""Rules by default state, operation, place and code."""
