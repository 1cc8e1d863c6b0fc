"""Events by REST."""

import httpx
import pyarrow as pa
import pyarrow.parquet
import pytest

from app.api._events import Event
from app.http.parameters import Page


def seqs(client: httpx.Client, query: str, vm: int = 1) -> list[int]:
    answer = client.get(f"/api/v1/vms/{vm}/events?{query}")
    assert answer.status_code == 200, answer.text
    return [event["seq"] for event in answer.json()["items"]]


def test_an_event_is_answered_in_full(client: httpx.Client) -> None:
    answer = client.get("/api/v1/vms/1/events?limit=1").json()

    assert answer["limit"] == 1
    assert answer["next"] == "0"
    assert answer["items"] == [
        {
            "seq": 0,
            "t": 100,
            "t_effect": 110,
            "clock_ns": "1000000000100",
            "kind": "conversion",
            "gfn": 0x100000,
            "npages": 1024,
            "gpa": "0x100000000",
            "size": 4194304,
            "to": "private",
            "outcome": "applied",
            "errno": 0,
            "errno_name": None,
            "cause": "explicit",
            "cause_certainty": "seen",
            "range_certainty": "seen",
            "tid": 101,
            "vcpu": 0,
            "latency_ns": 10,
            "effective_pages": 1024,
            "aux": "0x0",
        }
    ]


def test_the_answer_is_what_openapi_describes(client: httpx.Client) -> None:
    for vm in (1, 2):
        answer = client.get(f"/api/v1/vms/{vm}/events").text
        Page[Event].model_validate_json(answer, strict=True)


def test_pages_follow_each_other_without_gap_or_repeat(client: httpx.Client) -> None:
    seen: list[object] = []
    after: str | None = None
    while after is not None or not seen:
        params = {"limit": "2"} | ({"after": after} if after else {})
        page = client.get("/api/v1/vms/1/events", params=params).json()
        seen += [event["seq"] for event in page["items"]]
        after = page["next"]

    assert seen == [0, 1, 2, 3, 4, 5, 6]


def test_the_last_ones_come_first_where_that_is_asked_for(client: httpx.Client) -> None:
    seen: list[int] = []
    after = None
    while after is not None or not seen:
        params = {"order": "desc", "limit": "3"} | ({"after": after} if after else {})
        page = client.get("/api/v1/vms/1/events", params=params).json()
        seen += [event["seq"] for event in page["items"]]
        after = page["next"]
    assert seen == [6, 5, 4, 3, 2, 1, 0]
    assert seqs(client, "order=desc&to=460&kind=conversion&limit=2") == [3, 2]
    table = client.get("/api/v1/vms/1/events.csv?order=desc&limit=2")
    rest = client.get(table.links["next"]["url"])
    for answer, first in ((table, "6"), (rest, "4")):
        assert answer.text.splitlines()[1].split(",")[0] == first


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("from=110&to=460", [0, 1, 2, 3]),  # by effect: entry 450 returns at 460
        ("from=111", [1, 2, 3, 4, 5, 6]),
        ("kind=hypercall", [4]),
        ("kind=hypercall&kind=conversion&to=500", [0, 1, 2, 3, 4]),
        ("outcome=failed", [3]),
        ("outcome=failed&outcome=unconfirmed", [3, 5]),
        ("gpa_from=0x100020000&gpa_to=0x100021000", [0, 4, 5]),
        ("gpa_from=0x2_0000_0000", [6]),
        ("gpa_to=0x1000", []),
        ("direction=private", [0, 6]),
        ("direction=shared&direction=private&kind=conversion", [0, 1, 2, 3, 5, 6]),
        ("cause=vmm", []),
        ("cause=explicit&size=4k", [3]),
        ("size=2m&size=above_2m", [0]),
        ("size=below_2m&outcome=applied", [1, 2, 4, 6]),
        ("errno=EAGAIN", [3]),
        ("errno=eagain&errno=22", [3]),
        ("errno=11", [3]),
        ("tid=101&vcpu=0&limit=2", [0, 1]),
        ("tid=102", []),
        ("vcpu=unknown", []),
        ("memslot=1", [0, 1, 2, 3, 4, 5]),
        ("memslot=0", []),
        ("memslot=0&memslot=1&from=300&to=420", [2, 3]),
        ("memslot=2", []),  # it was there from 700 to 800
    ],
)
def test_filters_leave_what_was_asked_for(
    client: httpx.Client, query: str, found: list[int]
) -> None:
    assert seqs(client, query) == found


def test_a_loss_is_in_every_gpa_window(client: httpx.Client) -> None:
    assert seqs(client, "gpa_from=0x7000_0000_0000", vm=2) == [1, 2]


def test_a_memslot_filter_of_a_vm_without_any_names_that(client: httpx.Client) -> None:
    answer = client.get("/api/v1/vms/2/events?memslot=0")

    assert answer.status_code == 422
    assert "this VM had no memslot 0; it had none that is known" in answer.json()["detail"]


def test_pages_of_a_filter_go_on_where_they_ended(client: httpx.Client) -> None:
    first = client.get("/api/v1/vms/1/events?direction=shared&limit=2").json()
    rest = client.get(f"/api/v1/vms/1/events?direction=shared&after={first['next']}").json()

    assert [event["seq"] for event in first["items"] + rest["items"]] == [1, 2, 3, 4, 5]
    assert rest["next"] is None


def test_openapi_names_what_a_filter_can_be(client: httpx.Client) -> None:
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    for path in ("/api/v1/vms/{vm_id}/events", "/api/v1/vms/{vm_id}/timeline"):
        parameters = {each["name"]: each for each in paths[path]["get"]["parameters"]}
        assert parameters["cause"]["schema"]["items"]["enum"][1] == "explicit"
        assert {"direction", "outcome", "tid", "vcpu", "size", "memslot", "errno"} <= set(
            parameters
        )


def test_csv_holds_all_pages_up_to_its_limit(client: httpx.Client) -> None:
    whole = client.get("/api/v1/vms/1/events.csv")
    cut = client.get("/api/v1/vms/1/events.csv?limit=3&kind=conversion")

    assert whole.headers["X-Gmemscope-Truncated"] == "false"
    assert len(whole.text.splitlines()) == 8
    assert cut.headers["X-Gmemscope-Truncated"] == "true"
    rest = client.get(cut.links["next"]["url"])
    assert [line.split(",")[0] for line in rest.text.splitlines()[1:]] == ["3", "5", "6"]


def test_arrow_holds_numbers(client: httpx.Client) -> None:
    table = pa.ipc.open_file(client.get("/api/v1/vms/1/events.arrow").content).read_all()

    assert table["address"].to_pylist()[0] == 0x1_0000_0000
    assert table["clock_ns"].to_pylist()[0] == 1_000_000_000_100
    assert table["to"].to_pylist()[:2] == ["private", "shared"]


def test_parquet_holds_the_same_as_arrow(client: httpx.Client) -> None:
    query = "direction=shared&limit=2"
    arrow = pa.ipc.open_file(client.get(f"/api/v1/vms/1/events.arrow?{query}").content).read_all()
    answer = client.get(f"/api/v1/vms/1/events.parquet?{query}")
    parquet = pyarrow.parquet.ParquetFile(pa.BufferReader(answer.content)).read(use_threads=False)

    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert answer.headers["X-Gmemscope-Truncated"] == "true"
    assert parquet.to_pylist() == arrow.to_pylist()
    assert len(parquet) == 2


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("kind=nonsense", "'nonsense' is none of conversion, hypercall"),
        ("after=x", "'x' is not the `next` of an earlier answer"),
        ("limit=10001", "10001 events are too many as JSON: at most 10000"),
        ("limit=0", "greater than or equal to 1"),
        ("order=down", "'asc' or 'desc'"),
        ("from=5&to=5", "to=5 is not after from=5"),
        ("direction=up", "'up' is none of shared, private, unknown"),
        ("cause=chance", "'chance' is none of none, explicit, implicit, vmm"),
        ("size=3k", "'3k' is none of 4k, 2m, below_2m"),
        ("errno=EWHAT", "'EWHAT' is not an errno's name or number: EAGAIN, 11"),
        ("errno=4096", "'4096' is not an errno's name"),
        ("tid=-1", "'-1' is not a host thread's id"),
        ("vcpu=x", "'x' is not a vCPU's number, or unknown"),
        ("memslot=first", "'first' is not a memslot's id"),
        ("memslot=7", "this VM had no memslot 7; it had 0, 1, 2"),
        ("memslot=1:1", "this VM had no memslot 1:1; it had 0, 1, 2"),
    ],
)
def test_a_bad_parameter_is_named(client: httpx.Client, query: str, complaint: str) -> None:
    answer = client.get(f"/api/v1/vms/1/events?{query}")

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert complaint in answer.json()["detail"]
    (error,) = answer.json()["errors"]
    assert error["parameter"] == query.partition("=")[0].replace("from", "to")
