"""Query parameters, named and meaning the same wherever they appear."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from pydantic import BeforeValidator, WithJsonSchema

from app.http.answers import BadParameter
from app.http.limits import Instant
from app.model.guest import GFN_LIMIT, PAGE_SHIFT, PAGE_SIZE

GPA_LIMIT = GFN_LIMIT << PAGE_SHIFT


def parse_gpa(text: object) -> object:
    """Read a guest physical address: hex with 0x or decimal, `_` between digits as one likes."""
    if not isinstance(text, str):
        return text
    try:
        gpa = int(text, 0)
    except ValueError:
        raise ValueError(
            f"{text!r} is no address: write hex as 0x180000000 or 0x1_8000_0000, or decimal"
        ) from None
    if not 0 <= gpa <= GPA_LIMIT:
        raise ValueError(f"{text} is outside the guest's address space, 0 to {GPA_LIMIT:#x}")
    return gpa


Gpa = Annotated[
    int | None,
    BeforeValidator(parse_gpa),
    WithJsonSchema({"type": "string", "examples": ["0x1_8000_0000", "6442450944"]}),
]
At = Annotated[
    Instant | None,
    Query(
        description="The instant, ns since the recording's start. Default: the last one.",
        examples=[41_200_000_000],
    ),
]


def end_gfn_of(gpa_to: int) -> int:
    """A page that the border cuts counts whole."""
    return (gpa_to + PAGE_SIZE - 1) >> PAGE_SHIFT


@dataclass(frozen=True, slots=True)
class Times:
    """Half-open, ns since the recording's start; None where nothing was given."""

    first: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class Gfns:
    """Half-open; None where nothing was given."""

    first: int | None
    end: int | None


def times(
    from_t: Annotated[
        Instant | None,
        Query(
            alias="from",
            description="From here on, ns since the recording's start.",
            examples=[41_000_000_000],
        ),
    ] = None,
    to_t: Annotated[
        Instant | None,
        Query(
            alias="to",
            description="Up to but without this, ns since the start.",
            examples=[44_000_000_000],
        ),
    ] = None,
) -> Times:
    if from_t is not None and to_t is not None and from_t >= to_t:
        raise BadParameter("to", f"to={to_t} is not after from={from_t}")
    return Times(from_t, to_t)


def gfns(
    gpa_from: Annotated[
        Gpa,
        Query(
            description="From this guest physical address on, hex or decimal.",
            examples=["0x1_0000_0000"],
        ),
    ] = None,
    gpa_to: Annotated[
        Gpa,
        Query(
            description="Up to but without this guest physical address, hex or decimal.",
            examples=["0x1_8000_0000"],
        ),
    ] = None,
) -> Gfns:
    """Pages that a border cuts count whole."""
    if gpa_from is not None and gpa_to is not None and gpa_from >= gpa_to:
        raise BadParameter("gpa_to", f"gpa_to={gpa_to:#x} is not above gpa_from={gpa_from:#x}")
    return Gfns(
        None if gpa_from is None else gpa_from >> PAGE_SHIFT,
        None if gpa_to is None else end_gfn_of(gpa_to),
    )


TimesOf = Annotated[Times, Depends(times)]
GfnsOf = Annotated[Gfns, Depends(gfns)]
