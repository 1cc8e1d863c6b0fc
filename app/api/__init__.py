"""REST: one file per resource, registered here.

A request's parameters are typed by `app.http`, a query of `app.queries` answers it, and the answer
goes out as JSON, CSV, Arrow or Parquet, or as a picture. Nothing is computed here.
"""

from fastapi import APIRouter

from app.api import (
    _events as events,
    _history as history,
    _imports as imports,
    _notes as notes,
    _rasters as rasters,
    _recordings as recordings,
    _state as state,
    _storms as storms,
    _timeline as timeline,
    _vms as vms,
)
from app.api.monitoring import health, metrics, stream
from app.http.answers import PROBLEMS, PROBLEMS_OF_ALL, problems
from app.http.parameters import KnownOnly

DESCRIPTION = """\
Everything on screen, as data.

**Times** are integers, ns since the recording's start; `at` includes what took effect at that very
instant, `from` and `to` are half-open. **Addresses** are hex strings like `0x180000000`; parameters
also take decimal, and `_` between digits. **Pages** are 4 KiB, `gfn` is a page's number.

**Formats**: JSON; many resources also come as CSV, Arrow and Parquet, by suffix (`.csv`) or by
`Accept`. **Limits** are stated in the answer; `next` is the cursor of what follows. **Errors** are
RFC 9457 problem details; a parameter that a resource does not know is one. **HEAD** works wherever
GET does.
"""

resources = APIRouter(prefix="/api/v1", responses=PROBLEMS, dependencies=[KnownOnly])
for resource in (
    recordings,
    vms,
    state,
    rasters,
    timeline,
    events,
    storms,
    history,
    notes,
    imports,
    stream,
):
    resources.include_router(resource.router)

for_operators = APIRouter(responses=PROBLEMS_OF_ALL | problems(503), dependencies=[KnownOnly])
for part in (health, metrics):
    for_operators.include_router(part.router)

router = APIRouter()
router.include_router(resources)
router.include_router(for_operators)

__all__ = [
    "DESCRIPTION",
    "router",
]
