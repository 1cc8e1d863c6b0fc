"""A VM's report, as a file that the dashboard sends."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.http.dependencies import ReaderOf, VmId
from app.http.parameters import KnownOnly, RulesOf
from app.rendering import PageRoute, error_page
from app.report._build import ReportError, build_report

router = APIRouter(route_class=PageRoute)


# A misspelt `redact` must not let out what it was to hold back.
@router.get("/vms/{vm_id}/report", include_in_schema=False, dependencies=[KnownOnly])
def download_report(
    reader: ReaderOf,
    rules: RulesOf,
    vm_id: VmId,
    storm: Annotated[str | None, Query(description="Only this one.")] = None,
    redact: bool = False,
) -> Response:
    """The report of a VM, as a file to keep."""
    try:
        text = build_report(reader, reader.vm(vm_id), storm, redact=redact, rules=rules)
    except ReportError as error:
        return error_page(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}.")
    name = "-".join(["vm", str(vm_id), *_file_parts(storm, redact=redact)]) + ".html"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type="text/html; charset=utf-8", headers=headers)


def _file_parts(storm: str | None, *, redact: bool) -> list[str]:
    letters = "" if storm is None else "".join(c for c in storm if c.isascii() and c.isalnum())
    return [part for part in (letters, "redacted" if redact else "") if part]
