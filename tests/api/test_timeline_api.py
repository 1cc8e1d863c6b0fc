"""The timeline by REST."""

import httpx

EXPECTED = {
    "edges": [0, 200, 400, 600, 800, 1000],
    "to_private": [1, 0, 0, 1, 0],
    "to_shared": [0, 2, 0, 0, 0],
    "to_unknown": [0, 0, 0, 0, 0],
    "failed": [0, 0, 1, 0, 0],
    "unconfirmed": [0, 0, 1, 0, 0],
    "noop": [0, 1, None, 0, 0],  # the unconfirmed one may have been one
    "uncertain": [0, 0, 1, 0, 0],
    "doubts": [0, 0, 0, 0, 0],
    "unplaced": [0, 0, 0, 0, 0],
    "hypercalls": [0, 0, 1, 0, 0],
    "memory_faults": [0, 0, 0, 0, 0],
    "page_faults": [None] * 5,  # not recorded
    "private_faults": [None] * 5,
    "pages_to_private": [1024, 0, None, 2, 0],
    "pages_to_shared": [0, 16, None, 0, 0],
    "private": [1024, 1008, 1004, 1004, 1004],
    "shared": [256, 272, 272, 528, 272],
    "unknown": [0, 0, 4, 4, 4],
    "mixed_2m": [0, 1, 1, 1, 1],
}


def test_buckets_count_calls_and_end_with_states(client: httpx.Client) -> None:
    answer = client.get("/api/v1/vms/1/timeline?from=0&to=1000&buckets=5").json()

    losses = answer.pop("losses")
    assert answer.pop("expired") == []
    assert answer == EXPECTED
    assert losses == [{"from": 850, "to": 860, "count": 3, "cpu": 1, "source": "ring buffer"}]


def test_a_filter_and_a_gpa_window_leave_counts_of_what_they_leave(client: httpx.Client) -> None:
    def answer_to(query: str) -> dict[str, list[int]]:
        url = f"/api/v1/vms/1/timeline?from=0&to=1000&buckets=5&{query}"
        answer: dict[str, list[int]] = client.get(url).json()
        del answer["losses"], answer["expired"]
        return answer

    nothing = {name: [0] * 5 for name in EXPECTED} | {
        name: EXPECTED[name] for name in ("page_faults", "private_faults")
    }
    states = {
        name: EXPECTED[name] for name in ("edges", "private", "shared", "unknown", "mixed_2m")
    }
    shared = {"to_shared": [0, 2, 0, 0, 0], "noop": [0, 1, 0, 0, 0]}
    assert answer_to("direction=shared&outcome=applied&kind=conversion") == (
        nothing | states | shared | {"pages_to_shared": [0, 16, 0, 0, 0]}
    )
    assert answer_to("gpa_from=0x2_0000_0000") == (
        nothing | states | {"to_private": [0, 0, 0, 1, 0], "pages_to_private": [0, 0, 0, 2, 0]}
    )
    assert answer_to("tid=9") == nothing | states


def test_by_default_it_is_the_whole_life(client: httpx.Client) -> None:
    edges = client.get("/api/v1/vms/1/timeline").json()["edges"]

    assert (edges[0], edges[-1], len(edges)) == (0, 1001, 501)


def test_a_table_has_a_row_a_bucket(client: httpx.Client) -> None:
    lines = client.get("/api/v1/vms/1/timeline.csv?from=0&to=1000&buckets=5").text.splitlines()

    assert lines[0].startswith('"from","to","to_private"')
    assert lines[1] == "0,200,1,0,0,0,0,0,0,0,0,0,,,1024,0,1024,256,0,0,0"
    assert len(lines) == 6
