"""What holds for every resource, asked by its own description: OpenAPI is the list of them."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app import api
from app.http.answers import Problem
from app.http.answers._problems import PROBLEM_TYPE
from app.openapi import describe
from app.settings import Settings
from tests.small_guest import write_small_recording

Serve = Callable[[Settings], AbstractContextManager[httpx.Client]]

BARE = FastAPI(title="gmemscope", version="1")
BARE.include_router(api.router)
DESCRIPTION = describe(BARE)
OPERATIONS = {
    (method.upper(), path): operation
    for path, operations in DESCRIPTION["paths"].items()
    for method, operation in operations.items()
}
READS = [path for method, path in OPERATIONS if method == "GET"]
ENDLESS = "/api/v1/stream"
FINITE = [path for path in READS if path != ENDLESS]

GIVEN = {
    "recording_id": "1",
    "vm_id": "1",
    "storm_id": "1",
    "note_id": "1",
    "import_id": "1",
    "gpa": "0x100000000",
    "vm": "1",
    "name": "x.dat",
    "t": "150",
}
STORM = "/api/v1/vms/{vm_id}/storms/{storm_id}"
SIMPLE_RULES = {"min_calls": "1", "min_rate": "1", "over_baseline": "1", "min_boot_calls": "1"}
STRANGE = [
    str(1 << 63),
    str(1 << 64),
    str(1 << 200),
    "9" * 5000,
    "-1",
    str(-(1 << 63)),
    str(-(1 << 63) - 1),
    "1e400",
    "nan",
    "inf",
    "٣",
    "0x1_0000_0000",
    "1.2.3",
    "\0",
    "",
    " ",
    "' OR 1=1 --",
    "%s",
    "../../etc/passwd",
]


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory, serve_module: Serve) -> Iterator[httpx.Client]:
    """A dashboard that has one of each: recording, VM, storm, note, import."""
    path = tmp_path_factory.mktemp("every") / "gmemscope.db"
    write_small_recording(path)
    with serve_module(Settings(database_url=str(path))) as client:
        note = client.post("/api/v1/vms/1/notes", json={"from": 100, "text": "here"})
        file_type = {"content-type": "application/octet-stream"}
        sent = client.post("/api/v1/imports?name=x", content=b"no recording", headers=file_type)
        assert (note.status_code, sent.status_code) == (201, 202)
        yield client


def filled(path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: GIVEN[found.group(1)], path)


def needed(method: str, path: str) -> dict[str, str]:
    """Parameters without which there is no answer."""
    parameters = OPERATIONS[method, path].get("parameters", [])
    query = [one["name"] for one in parameters if one["in"] == "query" and one["required"]]
    return {name: GIVEN[name] for name in query} | (SIMPLE_RULES if path == STORM else {})


def parameters_of(path: str) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = OPERATIONS["GET", path].get("parameters", [])
    return parameters


def names_of(path: str) -> set[str]:
    return {parameter["name"] for parameter in parameters_of(path)}


def assert_problem(answer: httpx.Response, path: str, status: int, method: str = "GET") -> Problem:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM_TYPE
    assert PROBLEM_TYPE in OPERATIONS[method, path]["responses"][str(status)]["content"]
    return Problem.model_validate(answer.json())


@pytest.mark.parametrize("path", FINITE)
def test_a_resource_answers_to_get_and_head_alike(every: httpx.Client, path: str) -> None:
    query = needed("GET", path)
    got = every.get(filled(path), params=query)
    assert got.status_code == 200, got.text
    documented = OPERATIONS["GET", path]["responses"]["200"]["content"]
    assert got.headers["content-type"].partition(";")[0] in {
        name.partition(";")[0] for name in documented
    }
    head = every.head(filled(path), params=query)
    assert (head.status_code, head.content) == (200, b"")
    if path not in ("/metrics", "/api/v1/vms", "/api/v1/vms/{vm_id}"):  # depend on the time
        assert {**head.headers, "date": ""} == {**got.headers, "date": ""}


def test_what_the_client_has_already_is_described_as_such(every: httpx.Client) -> None:
    for path in FINITE:
        query = needed("GET", path)
        tag = every.get(filled(path), params=query).headers.get("etag")
        if tag is not None:
            again = every.get(filled(path), params=query, headers={"If-None-Match": tag})
            assert str(again.status_code) in OPERATIONS["GET", path]["responses"], path


def test_head_of_the_endless_stream_ends(every: httpx.Client) -> None:
    head = every.head(ENDLESS)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize(
    "path", ["/", "/import", "/vms/1", "/api/v1/openapi.json", "/static/css/base.css"]
)
def test_pages_files_and_the_description_answer_to_head(every: httpx.Client, path: str) -> None:
    got, head = every.get(path), every.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"") == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]


def test_head_of_what_is_not_there_is_not_found(every: httpx.Client) -> None:
    for path in ("/api/v1/vms/99", "/nothing", "/static/nothing"):
        assert every.head(path).status_code == 404


def test_a_path_of_strange_letters_is_no_bug(every: httpx.Client) -> None:
    for path in ("/static/%00", "/static/%ff", "/%00", "/vms/%00", "/vms/1/storms/%00", "/%ff%fe"):
        assert every.get(path).status_code == 404, path
    assert every.get("/static/..%2f..%2fetc%2fpasswd").status_code == 404


def test_head_of_what_takes_no_get_is_refused(every: httpx.Client) -> None:
    assert every.head("/logout").status_code == 405


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_a_parameter_that_nobody_knows_is_refused(
    every: httpx.Client, method: str, path: str
) -> None:
    query = needed(method, path) | {"colour": "blue"}
    answer = every.request(method, filled(path), params=query)
    problem = assert_problem(answer, path, 422, method)
    assert problem.errors is not None
    assert [error.parameter for error in problem.errors] == ["colour"]
    assert "there is no parameter 'colour' here; there are: " in problem.detail


@pytest.mark.parametrize("path", [path for path in READS if {"from", "to"} <= names_of(path)])
def test_a_window_that_ends_before_it_begins_is_refused(every: httpx.Client, path: str) -> None:
    for first, end in (("7", "5"), ("5", "5")):
        query = needed("GET", path) | {"from": first, "to": end}
        problem = assert_problem(every.get(filled(path), params=query), path, 422)
        assert problem.detail == f"to={end} is not after from={first}"


@pytest.mark.parametrize("path", [path for path in READS if "gpa_to" in names_of(path)])
def test_addresses_that_end_before_they_begin_are_refused(every: httpx.Client, path: str) -> None:
    query = needed("GET", path) | {"gpa_to": "0x1000"}
    if "gpa_from" in names_of(path):
        query |= {"gpa_from": "0x2000"}
    problem = assert_problem(every.get(filled(path), params=query), path, 422)
    assert problem.detail.startswith("gpa_to=0x1000 is not above ")


@pytest.mark.parametrize("path", FINITE)
def test_no_value_of_a_parameter_is_a_bug(every: httpx.Client, path: str) -> None:
    for parameter in parameters_of(path):
        name, query = parameter["name"], needed("GET", path)
        for value in STRANGE:
            where = path
            if parameter["in"] == "query":
                query |= {name: value}
            elif value == "":
                continue  # that is another path
            else:
                quoted = "".join(f"%{byte:02x}" for byte in value.encode())
                where = path.replace(f"{{{name}}}", quoted)
            answer = every.get(filled(where), params=query)
            assert str(answer.status_code) in OPERATIONS["GET", path]["responses"], (name, value)
            assert answer.status_code < 500, (name, value)


@pytest.mark.parametrize(("method", "path"), [each for each in OPERATIONS if each[0] != "GET"])
def test_another_site_and_another_type_are_refused_as_documented(
    every: httpx.Client, method: str, path: str
) -> None:
    query = needed(method, path)
    elsewhere = {"Origin": "http://evil.example"}
    answer = every.request(method, filled(path), params=query, headers=elsewhere)
    assert_problem(answer, path, 403, method)
    if "requestBody" in OPERATIONS[method, path]:
        typed = {"content-type": "text/plain"}
        answer = every.request(method, filled(path), params=query, content=b"x", headers=typed)
        problem = assert_problem(answer, path, 415, method)
        assert all(kind in problem.detail for kind in taken_by(method, path))


def taken_by(method: str, path: str) -> list[str]:
    return list(OPERATIONS[method, path]["requestBody"]["content"])


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DESCRIPTION))
    assert "#/components/schemas/Problem" in found
    for reference in found:
        place, _, path = reference.partition("#/")
        assert place == "", reference
        node: Any = DESCRIPTION
        for part in path.split("/"):
            node = node[part]
        assert isinstance(node, dict)


def test_nothing_is_described_that_is_nowhere_used() -> None:
    prefix = "#/components/schemas/"
    used = {reference.removeprefix(prefix) for reference in references(DESCRIPTION)}
    assert set(DESCRIPTION["components"]["schemas"]) == used


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_an_operation_is_described_as_openapi_demands(method: str, path: str) -> None:
    operation = OPERATIONS[method, path]
    parameters = operation.get("parameters", [])
    assert {one["name"] for one in parameters if one["in"] == "path"} == set(
        re.findall(r"\{(\w+)\}", path)
    )
    assert all(one["required"] for one in parameters if one["in"] == "path")
    assert len({(one["in"], one["name"]) for one in parameters}) == len(parameters)
    for status, response in operation["responses"].items():
        assert re.fullmatch("[1-5][0-9][0-9]", status)
        assert response["description"]
        for media in response.get("content", {}).values():
            assert set(media) <= {"schema", "example", "examples"}
    for status in ("401", "421", "422", "429", "500"):
        assert set(operation["responses"][status]["content"]) == {PROBLEM_TYPE}


def test_every_status_that_the_code_names_is_described() -> None:
    described = {status for one in OPERATIONS.values() for status in one["responses"]}
    answers = r"(?:HTTPException|ImportRefused|problem_response|refusal)\([^\n]*?\b([45]\d\d), "
    folder = Path(api.__file__).parent
    for source in (*folder.glob("*.py"), *folder.parent.glob("*.py")):
        assert set(re.findall(answers, source.read_text())) <= described, source.name


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)


def test_pages_of_people_forgive_what_they_do_not_know(every: httpx.Client) -> None:
    for path in ("/", "/vms/1", "/vms/1/storms", "/diff?vm=1", "/vms/1/pages/0x100000000"):
        page = every.get(path, params={"utm_source": "chat", **dict(httpx.URL(path).params)})
        assert page.status_code == 200, path
        assert "utm_source" not in re.sub(r"data-url=\S+", "", page.text)
