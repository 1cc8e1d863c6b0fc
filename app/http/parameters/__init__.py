"""What an address may ask for: parameters that are named and mean the same wherever they appear.

Each is a Pydantic model or an annotated type with its bounds; a name that no endpoint declares is
refused. A body is read up to a size, and JSON only as the type that other sites cannot send.
"""

from app.http.parameters._bodies import described, json_body, raised_as_invalid, small_body
from app.http.parameters._event_filters import EventQueryOf
from app.http.parameters._moments import MomentsOf, SidesOf
from app.http.parameters._page_ranges import AfterEvent, PagesOf
from app.http.parameters._paging import (
    After,
    LongPagingOf,
    Page,
    PagingOf,
    page_by_place,
    page_of,
    parse_cursor,
)
from app.http.parameters._plain_text import file_name, one_line, plain
from app.http.parameters._storm_rules import RulesOf, StormOf
from app.http.parameters._strictness import KnownOnly
from app.http.parameters._windows import At, GfnsOf, Gpa, TimesOf, end_gfn_of

__all__ = [
    "After",
    "AfterEvent",
    "At",
    "EventQueryOf",
    "GfnsOf",
    "Gpa",
    "KnownOnly",
    "LongPagingOf",
    "MomentsOf",
    "Page",
    "PagesOf",
    "PagingOf",
    "RulesOf",
    "SidesOf",
    "StormOf",
    "TimesOf",
    "described",
    "end_gfn_of",
    "file_name",
    "json_body",
    "one_line",
    "page_by_place",
    "page_of",
    "parse_cursor",
    "plain",
    "raised_as_invalid",
    "small_body",
]
