"""Which part of a VM's history a question is about."""

from dataclasses import dataclass
from typing import Self

from app.model.guest import GFN_LIMIT
from app.store.codecs import Bounds

LIMIT = 1 << 62
"""Beyond every time and every gfn."""


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open in effect time (ns since the recording's start) and in gfns."""

    t_from: int = -LIMIT
    t_to: int = LIMIT
    gfn_from: int = 0
    gfn_to: int = LIMIT

    @classmethod
    def of(
        cls, t_from: int | None, t_to: int | None, gfn_from: int | None, gfn_to: int | None
    ) -> Self:
        """None stands for no bound."""
        whole = cls()
        return cls(
            whole.t_from if t_from is None else t_from,
            whole.t_to if t_to is None else t_to,
            whole.gfn_from if gfn_from is None else max(gfn_from, 0),
            whole.gfn_to if gfn_to is None else max(gfn_to, 0),
        )

    @property
    def is_all_gfns(self) -> bool:
        return self.gfn_from <= 0 and self.gfn_to >= GFN_LIMIT

    @property
    def bounds(self) -> Bounds:
        """For compiled code."""
        return Bounds(self.t_from, self.t_to, self.gfn_from, self.gfn_to)
