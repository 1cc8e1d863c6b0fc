"""The state at an instant by REST."""

import httpx
import pyarrow as pa
import pytest

from app.api._state import State

AT_THE_END = [
    {"gfn": 0, "npages": 256, "gpa": "0x0", "state": "shared"},
    {"gfn": 0x100000, "npages": 16, "gpa": "0x100000000", "state": "private"},
    {"gfn": 0x100010, "npages": 16, "gpa": "0x100010000", "state": "shared"},
    {"gfn": 0x100020, "npages": 4, "gpa": "0x100020000", "state": "unknown"},
    {"gfn": 0x100024, "npages": 988, "gpa": "0x100024000", "state": "private"},
]


def test_the_state_by_default_is_the_last_of_the_vms_life(client: httpx.Client) -> None:
    assert client.get("/api/v1/vms/1/state").json() == {
        "vm": 1,
        "at": 999,
        "runs": AT_THE_END,
        "outside_memslots": [
            {"gfn": 0x200000, "npages": 2, "gpa": "0x200000000", "state": "private"}
        ],
        "totals": {"private": 1004, "shared": 272, "unknown": 4, "at_least": []},
        "truncated": False,
        "limit": 100000,
        "next": None,
    }


@pytest.mark.parametrize(
    ("at", "private", "shared", "unknown"),
    [
        (4, 0, 0, 0),  # no memslot yet
        (9, 0, 256, 0),
        (10, 0, 1280, 0),
        (109, 0, 1280, 0),  # entered, not yet returned
        (110, 1024, 256, 0),
        (210, 1008, 272, 0),
        (410, 1008, 272, 0),  # failed: no page changed
        (500, 1004, 272, 4),  # unconfirmed: unknown from its entry on
        (700, 1004, 528, 4),  # plugged
        (1000, 0, 0, 0),  # the VM is gone
    ],
)
def test_every_instant_has_its_state(
    client: httpx.Client, at: int, private: int, shared: int, unknown: int
) -> None:
    answer = client.get("/api/v1/vms/1/state", params={"at": at}).json()

    totals = {"private": private, "shared": shared, "unknown": unknown}
    assert answer["totals"] == totals | {"at_least": []}
    for state, pages in totals.items():
        assert sum(run["npages"] for run in answer["runs"] if run["state"] == state) == pages


def test_a_window_cuts_runs_at_its_borders(client: httpx.Client) -> None:
    answer = client.get("/api/v1/vms/1/state?gpa_from=0x1_0001_8000&gpa_to=0x100021000").json()

    assert answer["runs"] == [
        {"gfn": 0x100018, "npages": 8, "gpa": "0x100018000", "state": "shared"},
        {"gfn": 0x100020, "npages": 1, "gpa": "0x100020000", "state": "unknown"},
    ]
    assert answer["outside_memslots"] == []


def test_runs_beyond_the_limit_are_named(client: httpx.Client) -> None:
    answer = client.get("/api/v1/vms/1/state?limit=2").json()

    assert (answer["truncated"], answer["limit"], answer["next"]) == (True, 2, "0x100010000")
    rest = client.get("/api/v1/vms/1/state", params={"gpa_from": answer["next"]}).json()
    assert answer["runs"] + rest["runs"] == AT_THE_END


def test_where_no_memslot_is_known_the_pages_named_are_shown(client: httpx.Client) -> None:
    answer = client.get("/api/v1/vms/2/state?at=200").json()

    assert answer["runs"] == [{"gfn": 0x10, "npages": 2, "gpa": "0x10000", "state": "private"}]


def test_the_answer_is_what_openapi_describes(client: httpx.Client) -> None:
    State.model_validate_json(client.get("/api/v1/vms/1/state").text, strict=True)


def test_arrow_and_csv_hold_the_runs(client: httpx.Client) -> None:
    table = pa.ipc.open_file(client.get("/api/v1/vms/1/state.arrow").content).read_all()
    lines = client.get("/api/v1/vms/1/state.csv").text.splitlines()

    assert table.to_pylist() == [
        {name: run[name] for name in ("gfn", "npages", "state")} for run in AT_THE_END
    ]
    assert lines[:2] == ['"gfn","npages","state"', '0,256,"shared"']
