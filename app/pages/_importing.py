"""Where a browser drops a file to import."""

from fastapi import APIRouter, Response

from app.http.dependencies import SettingsOf
from app.rendering import PageRoute, page

router = APIRouter(route_class=PageRoute)


@router.get("/import", include_in_schema=False)
def show_import(settings: SettingsOf) -> Response:
    """Drop a recording, or choose one."""
    return page("import.html", limit=settings.upload_limit_bytes)
