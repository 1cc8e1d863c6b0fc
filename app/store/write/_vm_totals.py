"""What a VM's events add up to, kept in its row."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from app.model.events import EventArray, is_vague
from app.model.guest import EventKind, Outcome, To
from app.model.pagemap import PageMap
from app.store.schema import Vm

_OUTCOMES = {
    Outcome.APPLIED: "applied",
    Outcome.FAILED: "failed",
    Outcome.UNCONFIRMED: "unconfirmed",
}


@dataclass(slots=True)
class VmTotals:
    """Sums over all events given so far."""

    events_by_kind: dict[str, int] = field(default_factory=dict)
    conversions: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("applied", "failed", "unconfirmed"), 0)
    )
    to_unknown: int = 0
    vague: int = 0
    effective_pages: int = 0
    lost_events: int = 0

    @classmethod
    def stored(cls, vm: Vm) -> "VmTotals":
        """Of all events before: those by which pages became known count as vague ones."""
        return cls(
            events_by_kind=dict(vm.events_by_kind),
            conversions={name: getattr(vm, name) for name in _OUTCOMES.values()},
            to_unknown=vm.to_unknown or 0,
            vague=vm.uncertain or 0,
            effective_pages=vm.effective_pages,
            lost_events=vm.lost_events,
        )

    def add(self, events: EventArray) -> None:
        """Add painted events (their effective_pages are filled in)."""
        counts = np.bincount(events["kind"], minlength=max(EventKind) + 1)
        for kind in EventKind:
            if counts[kind]:
                name = kind.name.lower()
                self.events_by_kind[name] = self.events_by_kind.get(name, 0) + int(counts[kind])
        calls = np.compress(events["kind"] == EventKind.CONVERSION, events)
        outcomes = np.bincount(calls["outcome"], minlength=len(Outcome))
        for outcome, name in _OUTCOMES.items():
            self.conversions[name] += int(outcomes[outcome])
        is_applied = calls["outcome"] == Outcome.APPLIED
        self.to_unknown += int(np.count_nonzero(is_applied & (calls["to"] == To.UNKNOWN)))
        self.vague += int(np.count_nonzero(is_vague(calls)))
        self.effective_pages += int(calls["effective_pages"].sum())
        if counts[EventKind.LOSS_BEGIN]:
            self.lost_events += int(events["aux"][events["kind"] == EventKind.LOSS_BEGIN].sum())

    def values(self, page_map: PageMap, learning: int) -> dict[str, Any]:
        """Column values of the VM's row; `learning`: by how many events pages became known."""
        return {
            "events": sum(self.events_by_kind.values()),
            "events_by_kind": dict(self.events_by_kind),
            "requested": sum(self.conversions.values()),
            **self.conversions,
            "to_unknown": self.to_unknown,
            "uncertain": self.vague + learning,
            "effective_pages": self.effective_pages,
            "lost_events": self.lost_events,
            **page_values(page_map),
            "layout_is_known": page_map.layout_is_known,
        }


def page_values(page_map: PageMap) -> dict[str, int]:
    """Those of what the VM's pages are."""
    pages = page_map.totals()
    return {
        "private_pages": pages.private,
        "shared_pages": pages.shared,
        "unknown_pages": pages.unknown,
        "mixed_blocks": page_map.mixed_blocks,
    }
