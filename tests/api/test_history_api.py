"""The life of pages by REST."""

import httpx


def test_pages_in_a_row_are_answered_like_one(client: httpx.Client) -> None:
    one = client.get("/api/v1/vms/1/pages/0x100010000/history").json()
    assert (one["gfn"], one["npages"]) == (0x100010, 1)
    assert [step["seq"] for step in one["steps"]] == [None, 0, 1, 2, None]
    assert one["steps"][2]["state"] == "shared"

    several = client.get("/api/v1/vms/1/pages/0x10000f000/history?gpa_to=0x100011000").json()
    assert several["npages"] == 2
    step = next(step for step in several["steps"] if step["seq"] == 1)
    assert (step["state"], step["changed_pages"]) == ("mixed", 1)
    assert step["pages"] == {"private": 1, "shared": 1, "unknown": 0}
    assert several["flips"] == 3


def test_a_window_of_time_leaves_its_steps(client: httpx.Client) -> None:
    url = "/api/v1/vms/1/pages/0x100010000/history?gpa_to=0x100020000"
    windowed = client.get(f"{url}&from=200&to=311").json()
    assert [step["seq"] for step in windowed["steps"]] == [1, 2]
    assert windowed["steps"][1]["changed_pages"] == 0


def test_a_range_that_is_none_is_refused(client: httpx.Client) -> None:
    answer = client.get("/api/v1/vms/1/pages/0x2000/history?gpa_to=0x2000")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "gpa_to"
    assert "gpa_to=0x2000 is not above 0x2000" in answer.json()["detail"]
