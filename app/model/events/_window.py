"""Which part of a VM's history a question is about."""

from typing import NamedTuple, Self

from app.model.guest import GFN_LIMIT

LIMIT = 1 << 62
"""Beyond every time and every gfn."""


class Window(NamedTuple):
    """Half-open in effect time (ns since the recording's start) and in gfns."""

    t_from: int = -LIMIT
    t_to: int = LIMIT
    gfn_from: int = 0
    gfn_to: int = LIMIT

    @classmethod
    def of(
        cls,
        t_from: int | None,
        t_to: int | None,
        gfn_from: int | None = None,
        gfn_to: int | None = None,
    ) -> Self:
        """None stands for no bound."""
        return cls(
            -LIMIT if t_from is None else t_from,
            LIMIT if t_to is None else t_to,
            0 if gfn_from is None else max(gfn_from, 0),
            LIMIT if gfn_to is None else max(gfn_to, 0),
        )

    @property
    def is_all_gfns(self) -> bool:
        return self.gfn_from <= 0 and self.gfn_to >= GFN_LIMIT


WHOLE = Window()
