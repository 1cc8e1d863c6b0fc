import numpy as np
import pytest

from app.model.events import EventArray
from app.model.guest import EventKind
from app.store.protocol import Loss
from collector.simulator import LossWindow, blank
from collector.simulator._facts import LostEvents, Piece, Plan
from collector.simulator._recorded import lose
from collector.simulator._truth import Ledger


def rows(*moments: tuple[int, int]) -> EventArray:
    made = blank(len(moments), EventKind.CONVERSION)
    made["t"] = [t for t, _ in moments]
    made["vcpu"] = [vcpu for _, vcpu in moments]
    return made


def seen(pieces: list[Piece]) -> list[tuple[int, int]]:
    batches = [piece for piece in pieces if isinstance(piece, np.ndarray)]
    return [
        (int(row["t"]), int(row["vcpu"]))
        for batch in batches
        for row in batch
        if row["kind"] == EventKind.CONVERSION
    ]


def test_only_what_that_cpu_did_in_the_window_is_lost() -> None:
    ledger = Ledger()
    plans: list[Plan] = [
        rows((1, 2)),
        LossWindow(5, 10, 2),
        rows((5, 2), (6, 1), (7, -1), (9, 2), (10, 2), (11, 2)),
    ]
    pieces = list(lose(iter(plans), ledger))
    assert seen(pieces) == [(1, 2), (6, 1), (7, -1), (10, 2), (11, 2)]
    assert [p.loss for p in pieces if isinstance(p, LostEvents)] == [
        Loss(5, 10, 2, 2, "simulated ring buffer")
    ]
    (planted,) = ledger.close(20)
    assert planted.details == {"cpu": 2, "lost": 2, "lost_conversions": 2}


def test_marks_stand_at_the_borders_with_the_count() -> None:
    plans: list[Plan] = [LossWindow(5, 10, 0), rows((6, 0)), rows((12, 0))]
    pieces = [p for p in lose(iter(plans), Ledger()) if isinstance(p, np.ndarray)]
    said = [(EventKind(row["kind"]), int(row["t"]), int(row["aux"])) for p in pieces for row in p]
    assert said == [
        (EventKind.LOSS_BEGIN, 5, 1),
        (EventKind.LOSS_END, 10, 1),
        (EventKind.CONVERSION, 12, 0),
    ]


def test_a_window_in_which_all_is_lost_leaves_no_empty_piece() -> None:
    """An empty one would end the recording there."""
    plans: list[Plan] = [LossWindow(5, 10, 0), rows((6, 0)), rows((12, 0))]
    pieces = [p for p in lose(iter(plans), Ledger()) if isinstance(p, np.ndarray)]
    assert all(len(piece) for piece in pieces)


def test_overlapping_losses_are_refused() -> None:
    plans: list[Plan] = [LossWindow(5, 10, 0), LossWindow(7, 12, 1)]
    with pytest.raises(ValueError, match="overlap"):
        list(lose(iter(plans), Ledger()))
