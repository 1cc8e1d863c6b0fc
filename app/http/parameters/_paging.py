"""Pages of things: each names the cursor of the one after it, and the limit that cut it."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from app.http.answers import BadParameter

T = TypeVar("T")
Key = tuple[int, ...]


class Page(BaseModel, Generic[T]):
    """Things in a stable order, with a cursor while there are more."""

    items: list[T]
    next: str | None = Field(description="Ask again with after=<this> for more; null: no more.")
    limit: int = Field(description="No page holds more items than this.")


def page_of(
    things: Sequence[T], key_of: Callable[[T], Key], after: str | None, limit: int
) -> tuple[list[T], str | None]:
    """The things whose key is beyond the cursor, and the next cursor. Keys must ascend."""
    first = 0 if after is None else bisect_right(things, parse_cursor(after), key=key_of)
    items = list(things[first : first + limit])
    has_more = first + limit < len(things)
    return items, cursor(key_of(items[-1])) if has_more else None


def page_by_place(things: Sequence[T], after: str | None, limit: int) -> tuple[list[T], str | None]:
    """The same for things that only ever grow at their end: a cursor is the place in the list."""
    numbered, following = page_of(list(enumerate(things)), lambda pair: (pair[0],), after, limit)
    return [thing for _, thing in numbered], following


def cursor(key: Key) -> str:
    return ".".join(map(str, key))


def parse_cursor(text: str) -> Key:
    try:
        return tuple(int(part) for part in text.split("."))
    except ValueError:
        raise BadParameter("after", f"{text!r} is not the `next` of an earlier answer") from None


After = Annotated[str | None, Query(description="The `next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=10_000, description="At most so many items.")]
