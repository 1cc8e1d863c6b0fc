"""The first page: hosts and their VMs, those that need a look first."""

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.responses import HTMLResponse

from app.http.dependencies import of_app
from app.pages._deleting import DeletedName
from app.queries.home import SPARK_HEIGHT, STRIP_HEIGHT, STRIP_WIDTH, Overviews, spark, strip_cells
from app.queries.live import LiveStorms
from app.rendering import PageRoute, page
from app.store.read import Reader
from app.store.segments import Version
from app.templating import markup

KEPT_S = 0.5
"""Ages are this old at most; all else is as old as the last commit."""

router = APIRouter(route_class=PageRoute)


class Hosts:
    """All hosts as markup, made once for all tabs that hear the same news."""

    def __init__(self, reader: Reader, live: LiveStorms) -> None:
        self._reader = reader
        self._live = live
        self._overviews = Overviews(reader, live.of_vm)

    def markup(self) -> str:
        now = int(time.monotonic() / KEPT_S)
        return self._reader.cache.get(
            ("hosts", *self._reader.watermarks(), *self._live.all(), now),
            self._make,
            version=Version("hosts", (now,)),
        )

    def _make(self) -> str:
        return markup(
            "hosts.html",
            hosts=self._overviews.hosts(),
            strip_cells=strip_cells,
            strip_width=STRIP_WIDTH,
            strip_height=STRIP_HEIGHT,
            spark=spark,
            spark_height=SPARK_HEIGHT,
        )


HostsOf = Annotated[Hosts, Depends(of_app("hosts"))]


@router.get("/", include_in_schema=False)
def show_home(hosts: HostsOf, deleted: DeletedName) -> Response:
    """All hosts and VMs, or, without any, how to get some; and what was deleted just now."""
    return page("home.html", hosts=hosts.markup(), deleted=deleted)


@router.get("/home/hosts", include_in_schema=False)
def show_hosts(hosts: HostsOf) -> Response:
    """The part of the first page that changes, for htmx."""
    return HTMLResponse(hosts.markup())
