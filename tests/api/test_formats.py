import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.http.answers._formats import negotiate, without_suffix
from app.queries.choices import TableFormat


def request(path: str, accept: str | None = None) -> Request:
    headers = [] if accept is None else [(b"accept", accept.encode())]
    return Request(without_suffix({"type": "http", "path": path, "headers": headers}))


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (None, None),
        ("*/*", None),
        ("text/csv", TableFormat.CSV),
        ("application/vnd.apache.arrow.file", TableFormat.ARROW),
        ("application/vnd.apache.parquet", TableFormat.PARQUET),
        ("application/json;q=0.2, text/csv;q=0.9", TableFormat.CSV),
        ("text/html, application/xhtml+xml, */*;q=0.8", None),
        ("text/csv;q=0, application/json;q=0.1", None),
    ],
)
def test_accept_chooses_the_format(accept: str | None, wanted: TableFormat | None) -> None:
    assert negotiate(request("/api/v1/vms/1/events", accept)) is wanted


def test_a_suffix_wins_over_accept() -> None:
    asked = request("/api/v1/vms/1/events.csv", "application/json")

    assert asked.scope["path"] == "/api/v1/vms/1/events"
    assert negotiate(asked) is TableFormat.CSV


@pytest.mark.parametrize("path", ["/api/v1/openapi.json", "/api/v1/vms/1/raster.png"])
def test_other_dots_stay_in_the_path(path: str) -> None:
    assert request(path).scope["path"] == path


def test_what_we_do_not_have_is_refused_with_what_we_have() -> None:
    with pytest.raises(HTTPException, match="text/csv") as refusal:
        negotiate(request("/api/v1/vms", "application/xml"))

    assert refusal.value.status_code == 406
