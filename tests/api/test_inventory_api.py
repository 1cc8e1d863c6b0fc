"""Recordings, VMs and memslots by REST."""

import csv
import io

import httpx
import pyarrow as pa
import pytest

CLOCK_START = "1000000000000"


def test_a_recording_is_described(client: httpx.Client) -> None:
    answer = client.get("/api/v1/recordings").json()

    (recording,) = answer["items"]
    uuid = recording.pop("uuid")
    assert len(uuid) == 36
    assert recording == {
        "id": 1,
        "name": "small",
        "host": "testhost",
        "host_id": 1,
        "source": "trace.dat",
        "state": "complete",
        "incomplete_reason": None,
        "is_damaged": False,
        "is_live": False,
        "silent_ms": None,
        "behind_ms": None,
        "clock": "mono",
        "clock_start_ns": CLOCK_START,
        "wall_start_ns": "1700000000000000000",
        "kernel_release": "6.18.0",
        "origin": "small.dat",
        "last_t": 2000,
        "lost_events": 3,
        "losses": 1,
        "vms": [1, 2],
        "chapters": [],
        "coverage": {"missing": [{"capability": "page-faults", "costs": "no faults"}]},
    }
    assert (answer["next"], answer["limit"]) == (None, 1000)
    assert client.get("/api/v1/recordings/1").json() == {**recording, "uuid": uuid}


def test_losses_have_the_times_they_were_met(client: httpx.Client) -> None:
    loss = {"from": 850, "to": 860, "count": 3, "cpu": 1, "source": "ring buffer"}

    assert client.get("/api/v1/recordings/1/losses").json()["items"] == [loss]
    assert client.get("/api/v1/recordings/1/losses?from=900").json()["items"] == []


def test_a_vm_is_shown_as_it_last_was(client: httpx.Client) -> None:
    vm = client.get("/api/v1/vms/1").json()

    assert vm.pop("uuid")
    assert vm == {
        "id": 1,
        "name": "guest-a",
        "recording": 1,
        "pid": 100,
        "process_start_ns": None,
        "guest_uuid": None,
        "vm_fd": 5,
        "vm_type": 4,
        "created_t": 0,
        "created_certainty": "seen",
        "ended_t": 1000,
        "ended_is_inferred": False,
        "is_unattributed": False,
        "may_be_several": False,
        "start_state": "shared",
        "span": [0, 1000],
        "totals": {"private": 1004, "shared": 272, "unknown": 4, "at_least": []},
        "mixed_2m": 1,
        "conversions": {
            "requested": 6,
            "applied": 4,
            "failed": 1,
            "unconfirmed": 1,
            "to_unknown": 0,
            "uncertain": 1,
            "effective_pages": 1042,
            "at_least": ["effective_pages"],
        },
        "events": {"conversion": 6, "hypercall": 1},
        "lost_events": 0,
        "layout_is_known": True,
        "at_least": ["mixed_2m"],
    }


def test_a_table_of_vms_marks_which_numbers_are_lower_bounds(client: httpx.Client) -> None:
    text = client.get("/api/v1/vms.csv").text
    rows = list(csv.DictReader(io.StringIO(text)))
    for row, vm in zip(rows, client.get("/api/v1/vms").json()["items"], strict=True):
        parts = (vm, vm["totals"], vm["conversions"])
        assert set(row["at_least"].split()) == {name for part in parts for name in part["at_least"]}
    assert [row["at_least"] for row in rows] == ["mixed_2m effective_pages", "unknown"]


def test_pages_of_vms_follow_each_other(client: httpx.Client) -> None:
    first = client.get("/api/v1/vms", params={"limit": 1}).json()
    second = client.get("/api/v1/vms", params={"limit": 1, "after": first["next"]}).json()

    assert [vm["name"] for vm in first["items"]] == ["guest-a"]
    assert [vm["name"] for vm in second["items"]] == ["guest-b"]
    assert second["next"] is None


def test_a_vm_of_no_memslots_has_no_layout(client: httpx.Client) -> None:
    vm = client.get("/api/v1/vms/2").json()

    assert vm["layout_is_known"] is False
    assert (vm["start_state"], vm["created_t"], vm["created_certainty"]) == (
        "unknown",
        None,
        "unknown",
    )
    # Since the loss; and of pages that no conversion named, nothing is known.
    assert vm["totals"] == {"private": None, "shared": None, "unknown": 2, "at_least": ["unknown"]}
    assert vm["mixed_2m"] is None


def test_memslots_have_lifetimes_and_backing(client: httpx.Client) -> None:
    items = client.get("/api/v1/vms/1/memslots").json()["items"]

    assert [(slot["slot"], slot["from"], slot["to"]) for slot in items] == [
        (0, 5, 1000),
        (1, 10, 1000),
        (2, 700, 800),
    ]
    assert items[1] == {
        "slot": 1,
        "as_id": 0,
        "base_gfn": 0x100000,
        "npages": 1024,
        "gpa": "0x100000000",
        "size": 4194304,
        "flags": 4,
        "backing": "mixed",
        "backing_certainty": "seen",
        "can_be_private": True,
        "userspace_addr": "0x7f1000000000",
        "guest_memfd": 6,
        "guest_memfd_offset": 0,
        "from": 10,
        "to": 1000,
    }


def test_memslots_at_an_instant_are_those_alive_then(client: httpx.Client) -> None:
    slots = {
        at: [s["slot"] for s in client.get(f"/api/v1/vms/1/memslots?at={at}").json()["items"]]
        for at in (4, 5, 10, 700, 799, 800)
    }

    assert slots == {4: [], 5: [0], 10: [0, 1], 700: [0, 1, 2], 799: [0, 1, 2], 800: [0, 1]}


@pytest.mark.parametrize(
    ("query", "slots"),
    [
        ("from=0&to=700", [0, 1]),
        ("from=750", [0, 1, 2]),
        ("from=800", [0, 1]),  # the plugged one was there until 800
        ("to=6", [0]),
        ("from=1000", []),
    ],
)
def test_memslots_of_a_window_are_those_that_were_there_in_it(
    client: httpx.Client, query: str, slots: list[int]
) -> None:
    answer = client.get(f"/api/v1/vms/1/memslots?{query}").json()
    assert [slot["slot"] for slot in answer["items"]] == slots


@pytest.mark.parametrize("path", ["recordings", "vms", "vms/1/memslots"])
def test_csv_and_arrow_hold_the_rows_of_json(client: httpx.Client, path: str) -> None:
    items = client.get(f"/api/v1/{path}.json").json()["items"]
    csv = client.get(f"/api/v1/{path}.csv")
    arrow = client.get(f"/api/v1/{path}", headers={"Accept": "application/vnd.apache.arrow.file"})

    table = pa.ipc.open_file(arrow.content).read_all()
    key = "slot" if path.endswith("memslots") else "id"
    assert table[key].to_pylist() == [item[key] for item in items]
    assert csv.headers["content-type"].startswith("text/csv")
    assert csv.text.splitlines()[0].replace('"', "").split(",") == table.column_names
    assert len(csv.text.splitlines()) == len(items) + 1


def test_a_cut_table_names_the_rest(client: httpx.Client) -> None:
    first = client.get("/api/v1/vms/1/memslots.csv?limit=2")

    assert first.headers["X-Gmemscope-Truncated"] == "true"
    rest = client.get(first.links["next"]["url"])
    assert rest.headers["X-Gmemscope-Truncated"] == "false"
    assert rest.url.path == "/api/v1/vms/1/memslots.csv"
    assert len(rest.text.splitlines()) == 2
