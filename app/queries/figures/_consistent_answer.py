"""Answers of many readings, between two of which damage may be met."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from app.store.read import Reader


Answer = TypeVar("Answer")


def consistent_answer(reader: "Reader", vm_id: int, answer: Callable[[], Answer]) -> Answer:
    """Ask anew if damage was met: what was there for a first reading is a loss for a second one,
    and they do not fit together, as where the sums of a summary count events that are not there."""
    while True:
        before = reader.damage_met(vm_id)
        try:
            found = answer()
        except IndexError:
            if reader.damage_met(vm_id) == before:
                raise
            continue
        if reader.damage_met(vm_id) == before:
            return found
