import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.http.answers import Format
from app.http.answers._formats import negotiate, without_suffix


def request(path: str, accept: str | None = None) -> Request:
    headers = [] if accept is None else [(b"accept", accept.encode())]
    return Request(without_suffix({"type": "http", "path": path, "headers": headers}))


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (None, Format.JSON),
        ("*/*", Format.JSON),
        ("text/csv", Format.CSV),
        ("application/vnd.apache.arrow.file", Format.ARROW),
        ("application/vnd.apache.parquet", Format.PARQUET),
        ("application/json;q=0.2, text/csv;q=0.9", Format.CSV),
        ("text/html, application/xhtml+xml, */*;q=0.8", Format.JSON),
        ("text/csv;q=0, application/json;q=0.1", Format.JSON),
    ],
)
def test_accept_chooses_the_format(accept: str | None, wanted: Format) -> None:
    assert negotiate(request("/api/v1/vms/1/events", accept)) is wanted


def test_a_suffix_wins_over_accept() -> None:
    asked = request("/api/v1/vms/1/events.csv", "application/json")

    assert asked.scope["path"] == "/api/v1/vms/1/events"
    assert negotiate(asked) is Format.CSV


@pytest.mark.parametrize("path", ["/api/v1/openapi.json", "/api/v1/vms/1/raster.png"])
def test_other_dots_stay_in_the_path(path: str) -> None:
    assert request(path).scope["path"] == path


def test_what_we_do_not_have_is_refused_with_what_we_have() -> None:
    with pytest.raises(HTTPException, match="text/csv") as refusal:
        negotiate(request("/api/v1/vms", "application/xml"))

    assert refusal.value.status_code == 406
