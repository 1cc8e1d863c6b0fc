"""What a simulated recording really contains: the answers that detectors are tested against."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Detail = int | float | str | None


@dataclass(frozen=True, slots=True)
class Planted:
    """One thing a phase put into the recording between two instants.

    `count` is how many of what was planted the recording holds: fewer than planned where it ends
    early. Details are in gfns, pages and ns.
    """

    kind: str
    from_t: int
    to_t: int
    details: Mapping[str, Detail] = field(default_factory=dict)
    count: int | None = None

    def as_json(self) -> dict[str, Detail]:
        counted = {} if self.count is None else {"count": self.count}
        return {
            "kind": self.kind,
            "from_t": self.from_t,
            "to_t": self.to_t,
            **counted,
            **self.details,
        }


class Ledger:
    """Collects what is planted; `moments` are let go as soon as the recording has passed them."""

    def __init__(self) -> None:
        self._settled: list[Planted] = []
        self._open: list[tuple[Planted, npt.NDArray[np.int64] | None]] = []

    def plant(
        self,
        kind: str,
        from_t: int,
        to_t: int,
        moments: npt.NDArray[np.int64] | None = None,
        **details: Detail,
    ) -> None:
        """Note what a phase makes; `moments` are the effect times of what is to be counted."""
        self._open.append((Planted(kind, from_t, to_t, details), moments))

    def settle(self, up_to_t: int) -> None:
        """The recording has reached `up_to_t`: what ended by then is final."""
        still_open = []
        for planted, moments in self._open:
            if planted.to_t <= up_to_t:
                self._settled.append(_counted(planted, moments, up_to_t))
            else:
                still_open.append((planted, moments))
        self._open = still_open

    def close(self, end_t: int) -> tuple[Planted, ...]:
        """All that was planted up to the end of the recording, in order of its start."""
        cut = [
            _counted(planted, moments, end_t)
            for planted, moments in self._open
            if planted.from_t <= end_t
        ]
        return tuple(sorted(self._settled + cut, key=lambda planted: planted.from_t))


def _counted(planted: Planted, moments: npt.NDArray[np.int64] | None, end_t: int) -> Planted:
    count = None if moments is None else int(np.count_nonzero(moments <= end_t))
    to_t = min(planted.to_t, end_t)
    return Planted(planted.kind, planted.from_t, to_t, planted.details, count)
