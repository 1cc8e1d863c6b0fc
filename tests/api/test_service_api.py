"""Health, metrics and the description of all of it."""

import httpx

DESCRIBED = {
    "/api/v1/diff",
    "/api/v1/imports",
    "/api/v1/imports/{import_id}",
    "/api/v1/recordings",
    "/api/v1/recordings/{recording_id}",
    "/api/v1/recordings/{recording_id}/coverage",
    "/api/v1/recordings/{recording_id}/losses",
    "/api/v1/recordings/{recording_id}/storage",
    "/api/v1/stream",
    "/api/v1/vms",
    "/api/v1/vms/{vm_id}",
    "/api/v1/vms/{vm_id}/backing",
    "/api/v1/vms/{vm_id}/events",
    "/api/v1/vms/{vm_id}/memslots",
    "/api/v1/vms/{vm_id}/pages/{gpa}/history",
    "/api/v1/vms/{vm_id}/raster",
    "/api/v1/vms/{vm_id}/raster.png",
    "/api/v1/vms/{vm_id}/raster/cell",
    "/api/v1/vms/{vm_id}/notes",
    "/api/v1/vms/{vm_id}/notes/{note_id}",
    "/api/v1/vms/{vm_id}/state",
    "/api/v1/vms/{vm_id}/storms",
    "/api/v1/vms/{vm_id}/storms/{storm_id}",
    "/api/v1/vms/{vm_id}/stretch",
    "/api/v1/vms/{vm_id}/timeline",
    "/healthz",
    "/metrics",
    "/readyz",
}


def test_it_lives_and_is_ready(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}


def test_openapi_describes_every_resource(client: httpx.Client) -> None:
    description = client.get("/api/v1/openapi.json").json()

    assert set(description["paths"]) == DESCRIBED
    writing = {path for path, methods in description["paths"].items() if set(methods) != {"get"}}
    assert writing == {
        "/api/v1/imports",
        "/api/v1/imports/{import_id}",
        "/api/v1/recordings/{recording_id}",
        "/api/v1/vms/{vm_id}/notes",
        "/api/v1/vms/{vm_id}/notes/{note_id}",
    }
    for path, methods in description["paths"].items():
        for operation in methods.values():
            assert operation["description"], path
            for parameter in operation.get("parameters", []):
                assert parameter["description"], (path, parameter["name"])


def test_openapi_tells_formats_and_problems(client: httpx.Client) -> None:
    description = client.get("/api/v1/openapi.json").json()

    responses = description["paths"]["/api/v1/vms/{vm_id}/events"]["get"]["responses"]
    assert set(responses["200"]["content"]) == {
        "application/json",
        "text/csv",
        "application/vnd.apache.arrow.file",
        "application/vnd.apache.parquet",
    }
    assert set(responses["404"]["content"]) == {"application/problem+json"}
    assert set(responses["422"]["content"]) == {"application/problem+json"}


def test_no_page_fetches_scripts_from_elsewhere(client: httpx.Client) -> None:
    assert client.get("/docs").status_code == 404
    assert client.get("/redoc").status_code == 404


def test_json_is_compressed_for_who_can_read_it(client: httpx.Client) -> None:
    assert client.get("/api/v1/openapi.json").headers["content-encoding"] == "gzip"
    plain = client.get("/api/v1/openapi.json", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
