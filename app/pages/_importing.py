"""Where a browser drops a file to import, and how far each import has come."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from app.http.dependencies import ImportsOf, SettingsOf
from app.rendering import PageRoute, page

UNDER_WAY = frozenset({"receiving", "waiting", "running"})

router = APIRouter(route_class=PageRoute)


@router.get("/import", include_in_schema=False)
async def show_import(settings: SettingsOf, jobs: ImportsOf) -> Response:
    """Drop a recording, or choose one; with what is under way already, the newest first."""
    under_way = [job for job in reversed(jobs.jobs()) if job.state in UNDER_WAY]
    return page(
        "import.html",
        limit=settings.upload_limit_bytes,
        imports=[(job, jobs.place(job)) for job in under_way],
        UNDER_WAY=UNDER_WAY,
    )


@router.get("/import/{import_id}", include_in_schema=False)
async def show_progress(jobs: ImportsOf, import_id: Annotated[int, Path(ge=1)]) -> Response:
    """One entry of the page, for htmx, which asks again until the import is over."""
    job = jobs.job(import_id)
    if job is None:
        return page("import_forgotten.html", import_id=import_id)
    return page("import_entry.html", job=job, place=jobs.place(job), UNDER_WAY=UNDER_WAY)
