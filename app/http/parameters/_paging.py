"""Pages of things: each names the cursor of the one after it, and the limit that cut it."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from app.http.answers import BadParameter
from app.http.limits import JSON_LIMIT

T = TypeVar("T")
Key = tuple[int, ...]


class Page(BaseModel, Generic[T]):
    """Things in a stable order, with a cursor while there are more."""

    items: list[T]
    next: str | None = Field(description="Ask again with after=<this> for more; null: no more.")
    limit: int = Field(description="No page holds more items than this.")


After = Annotated[str | None, Query(description="The `next` of the page before.")]


@dataclass(frozen=True, slots=True)
class Paging:
    """Where a page begins, and how many things it holds at most."""

    after: str | None
    limit: int


def _paging(default: int) -> Callable[..., Paging]:
    def paging(
        after: After = None,
        limit: Annotated[
            int, Query(ge=1, le=JSON_LIMIT, description="At most so many items.")
        ] = default,
    ) -> Paging:
        return Paging(after, limit)

    return paging


PagingOf = Annotated[Paging, Depends(_paging(1000))]
LongPagingOf = Annotated[Paging, Depends(_paging(JSON_LIMIT))]
"""Of things that are few and small: all of them at once, mostly."""


def page_of(
    things: Sequence[T], key_of: Callable[[T], Key], paging: Paging
) -> tuple[list[T], str | None]:
    """The things whose key is beyond the cursor, and the next cursor. Keys must ascend."""
    after, limit = paging.after, paging.limit
    first = 0 if after is None else bisect_right(things, parse_cursor(after), key=key_of)
    items = list(things[first : first + limit])
    has_more = first + limit < len(things)
    return items, cursor(key_of(items[-1])) if has_more else None


def page_by_place(things: Sequence[T], paging: Paging) -> tuple[list[T], str | None]:
    """The same for things that only ever grow at their end: a cursor is the place in the list."""
    numbered, following = page_of(list(enumerate(things)), lambda pair: (pair[0],), paging)
    return [thing for _, thing in numbered], following


def cursor(key: Key) -> str:
    return ".".join(map(str, key))


def parse_cursor(text: str) -> Key:
    try:
        return tuple(int(part) for part in text.split("."))
    except ValueError:
        raise BadParameter("after", f"{text!r} is not the `next` of an earlier answer") from None
