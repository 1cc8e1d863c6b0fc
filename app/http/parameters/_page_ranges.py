"""A page, or pages in a row, as an address names them."""

from typing import Annotated

from fastapi import Depends, Path, Query

from app.http.answers import BadParameter
from app.http.parameters._windows import GPA_LIMIT, Gpa, TimesOf, end_gfn_of, parse_gpa
from app.model.guest import PAGE_SHIFT
from app.queries.history import Pages

PageAddress = Annotated[
    str, Path(description="A guest physical address, hex with 0x or decimal; any in the page.")
]
AfterEvent = Annotated[int, Query(ge=-1, description="Only events after this number.")]


def gfn_of(address: str) -> int:
    """Raises BadParameter."""
    try:
        gpa = parse_gpa(address)
    except ValueError as error:
        raise BadParameter("gpa", str(error)) from error
    assert isinstance(gpa, int)
    if gpa >= GPA_LIMIT:
        raise BadParameter("gpa", f"{address} is outside the guest's address space")
    return gpa >> PAGE_SHIFT


def pages_of(
    gpa: PageAddress,
    times: TimesOf,
    gpa_to: Annotated[
        Gpa,
        Query(
            description="Up to but without this address. Default: one page.", examples=["0x2000"]
        ),
    ] = None,
) -> Pages:
    first = gfn_of(gpa)
    end = first + 1 if gpa_to is None else end_gfn_of(gpa_to)
    if end <= first:
        raise BadParameter("gpa_to", f"gpa_to={gpa_to:#x} is not above {gpa}")
    return Pages(first, end, times.first, times.end)


PagesOf = Annotated[Pages, Depends(pages_of)]
