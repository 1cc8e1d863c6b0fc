"""A parameter that nobody knows is a mistake, and an answer without it would hide that."""

from collections.abc import Callable

from fastapi import Depends, Request, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from pydantic.fields import FieldInfo

from app.http.answers import BadParameter

_KNOWN: dict[Callable[..., object], frozenset[str]] = {}
"""By endpoint: routes have no hash."""


async def known_only(request: Request) -> None:
    """Raises BadParameter for what the resource does not take."""
    known = parameters_of(request.scope["route"])
    for name in request.query_params:
        if name not in known:
            there = ", ".join(sorted(known)) or "none"
            raise BadParameter(name, f"there is no parameter {name!r} here; there are: {there}")


def parameters_of(route: APIRoute) -> frozenset[str]:
    """The query parameters that a route or anything it depends on takes."""
    known = _KNOWN.get(route.endpoint)
    if known is None:
        fields = get_flat_params(route.dependant)
        known = frozenset(one.alias for one in fields if is_in_query(one.field_info))
        _KNOWN[route.endpoint] = known
    return known


def is_in_query(field: FieldInfo) -> bool:
    """The fields of query models, of which we have no others, are none of FastAPI's own."""
    return isinstance(field, params.Query) or not isinstance(field, params.Param)


KnownOnly = Depends(known_only)
