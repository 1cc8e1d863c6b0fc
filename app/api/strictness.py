"""A parameter that nobody knows is a mistake, and an answer without it would hide that."""

from collections.abc import Callable

from fastapi import Depends, Request, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute

from app.api.problems import BadParameter

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
        known = frozenset(one.alias for one in fields if isinstance(one.field_info, params.Query))
        _KNOWN[route.endpoint] = known
    return known


KnownOnly = Depends(known_only)
