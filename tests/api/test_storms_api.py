"""Storms over REST."""

import httpx


def test_a_calm_vm_has_none_and_shows_what_was_measured(client: httpx.Client) -> None:
    answer = client.get("/api/v1/vms/1/storms").json()
    assert answer["storms"] == []
    kinds = {measured["kind"]: measured for measured in answer["measured"]}
    assert kinds["conversions"]["rule"]["min_calls"] == 1000
    assert kinds["page faults"]["rule"]["min_calls"] == 30_000


def test_thresholds_are_parameters(client: httpx.Client) -> None:
    answer = client.get("/api/v1/vms/1/storms", params={"min_calls": 7, "over_baseline": 3}).json()
    rule = answer["measured"][0]["rule"]
    assert (rule["min_calls"], rule["over_baseline"]) == (7, 3)
    refused = client.get("/api/v1/vms/1/storms", params={"min_calls": 0})
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"


def test_a_storm_that_is_not_there(client: httpx.Client) -> None:
    answer = client.get("/api/v1/vms/1/storms/c17")
    assert answer.status_code == 404
    assert "no storm 'c17'" in answer.json()["detail"]


def test_any_stretch_can_be_counted(client: httpx.Client) -> None:
    vm = client.get("/api/v1/vms/1").json()
    whole = client.get("/api/v1/vms/1/stretch").json()
    counts = vm["conversions"]
    assert whole["calls"]["requested"] == counts["requested"]
    assert whole["calls"]["failed"] == counts["failed"]
    until_its_end = client.get("/api/v1/vms/1/stretch", params={"to": vm["ended_t"]}).json()
    assert until_its_end["state_after"] == vm["totals"]
    (failure,) = whole["failures"]
    assert failure["calls"] == counts["failed"]
    assert failure["examples"][0]["why"]
    half = client.get("/api/v1/vms/1/stretch", params={"from": 0, "to": 1}).json()
    assert (half["from"], half["to"]) == (0, 1)
    assert half["calls"]["requested"] < whole["calls"]["requested"]


def test_a_row_names_the_filter_that_leaves_its_calls(client: httpx.Client) -> None:
    whole = client.get("/api/v1/vms/1/stretch").json()
    filters = []
    for table in whole["by"]:
        for row in table["rows"]:
            if row["filter"] is None:
                continue
            filters.append(row["filter"].partition("=")[0])
            answer = client.get(f"/api/v1/vms/1/events?kind=conversion&{row['filter']}").json()
            assert len(answer["items"]) == row["calls"], row
    assert set(filters) == {
        "direction",
        "outcome",
        "errno",
        "cause",
        "size",
        "vcpu",
        "tid",
        "memslot",
    }
