"""Templates and the filters they know: for pages, and for reports."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app import resources
from app.model.guest import LINE_NUMBERS
from app.queries.figures import NOT_RECORDED, Part, figure as figure_of, text

counts_lines: ContextVar[bool] = ContextVar("counts_lines", default=False)
"""Whether the recording that is being shown has no times, but lines."""

signed_in: ContextVar[bool] = ContextVar("signed_in", default=False)
"""Whether the page is for somebody who logged in, and may want to log out."""


def time(ns: int) -> str:
    return text.line(ns) if counts_lines.get() else text.time(ns)


def duration(ns: int) -> str:
    return text.lines(ns) if counts_lines.get() else text.duration(ns)


def rate(per_second: float) -> str:
    return text.rate_by_lines(per_second) if counts_lines.get() else text.rate(per_second)


_WRITERS: dict[str, Callable[[Any], str]] = {
    "count": text.count,
    "pages": text.pages,
    "duration": duration,
    "share": text.share,
}


def figure(part: Part, name: str, how: str = "count") -> str:
    """A figure that the recording may not hold, or not in full."""
    return figure_of(part, name, _WRITERS[how])


environment = Environment(
    loader=FileSystemLoader(resources.folder("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.filters |= {
    "address": text.address,
    "after": text.address_after,
    "count": text.count,
    "plural": text.plural,
    "size": text.size,
    "pages": text.pages,
    "more_pages": text.more_pages,
    "time": time,
    "duration": duration,
    "rate": rate,
    "share": text.share,
    "wall_time": text.wall_time,
}
environment.globals |= {
    "lost": text.lost,
    "figure": figure,
    "NOT_RECORDED": NOT_RECORDED,
    "is_signed_in": signed_in.get,
}


def markup(template: str, **context: object) -> str:
    """A page or a part of one. Its times go by the clock of its `recording`."""
    shown = context.get("recording") or getattr(context.get("report"), "recording", None)
    clock = getattr(shown, "clock", None)
    before = counts_lines.set(clock == LINE_NUMBERS)
    try:
        return environment.get_template(template).render(context)
    finally:
        counts_lines.reset(before)
