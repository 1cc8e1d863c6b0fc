"""The first page: hosts and their VMs, those that need a look first."""

from fastapi import APIRouter, Response

from app.api.dependencies import ReaderOf
from app.pages.pictures import SPARK_HEIGHT, STRIP_HEIGHT, STRIP_WIDTH, spark, strip_cells
from app.pages.rendering import PageRoute, page
from app.views.overview import overview

router = APIRouter(route_class=PageRoute)


@router.get("/", include_in_schema=False)
def show_home(reader: ReaderOf) -> Response:
    """All hosts and VMs, or, without any, how to get some."""
    return _page_of(reader, "home.html")


@router.get("/home/hosts", include_in_schema=False)
def show_hosts(reader: ReaderOf) -> Response:
    """The part of the first page that changes, for htmx."""
    return _page_of(reader, "hosts.html")


def _page_of(reader: ReaderOf, template: str) -> Response:
    return page(
        template,
        hosts=overview(reader),
        strip_cells=strip_cells,
        strip_width=STRIP_WIDTH,
        strip_height=STRIP_HEIGHT,
        spark=spark,
        spark_height=SPARK_HEIGHT,
    )
