"""The map by REST: its edges, its picture, its cells."""

import struct
import zlib
from urllib.parse import parse_qs, urlparse

import httpx
import numpy as np
import pyarrow as pa
import pytest

from app.model.raster import Grid
from app.queries.maps import RAMP, RAMP_STEPS, Measure
from app.queries.maps._palette import EDGE_RAMP, TRANSPARENT
from app.store.read import Reader

PRIVATE = RAMP + RAMP_STEPS - 1
SHARED = RAMP


def pixels_of(png: bytes) -> list[list[int]]:
    """Palette indices of a PNG as app.queries.maps writes it."""
    width, height = struct.unpack_from(">II", png, 16)
    at = png.index(b"IDAT")
    (length,) = struct.unpack_from(">I", png, at - 4)
    lines = zlib.decompress(png[at + 4 : at + 4 + length])
    return [list(lines[row * (width + 1) + 1 : (row + 1) * (width + 1)]) for row in range(height)]


def test_edges_are_exact(client: httpx.Client) -> None:
    edges = client.get("/api/v1/vms/1/raster?from=0&to=1000&width=100&height=64").json()

    image = edges.pop("image")
    assert client.get(image).headers["etag"] == edges.pop("tag")
    assert edges == {
        "from": 0,
        "to": 1000,
        "width": 100,
        "height": 64,
        "cell_ns": 10.0,
        "cell_bytes": 1536 * 4096 / 64,
        "bands": [
            {"gpa_from": "0x0", "gpa_to": "0x100000", "row_from": 0, "row_to": 11},
            {"gpa_from": "0x1000000", "gpa_to": "0x1100000", "row_from": 11, "row_to": 22},
            {"gpa_from": "0x100000000", "gpa_to": "0x100400000", "row_from": 22, "row_to": 64},
        ],
        "measure": "private",
        "max": 1,
        "unplaced": 0,
        "unavailable": None,
    }
    assert image.startswith("/api/v1/vms/1/raster.png?from=0&to=1000&width=100&height=64&")


def test_the_picture_shows_what_was_private_when(client: httpx.Client) -> None:
    query = "from=0&to=1000&width=10&height=6&gpa_from=0x100100000&gpa_to=0x100400000"
    edges = client.get(f"/api/v1/vms/1/raster?{query}").json()
    picture = client.get(edges["image"])

    assert picture.headers["content-type"] == "image/png"
    # Memslot 1 comes at t = 10 and is made private at t = 110, both inside a column of 100 ns.
    first, second = pixels_of(picture.content)[0][:2]
    assert first == SHARED
    assert PRIVATE - 10 < second < PRIVATE
    assert pixels_of(picture.content) == [[first, second, *[PRIVATE] * 8]] * 6


def test_the_highest_address_is_in_the_top_row(client: httpx.Client) -> None:
    query = "from=700&to=750&width=1&height=64&theme=dark"
    column = [row[0] for row in pixels_of(client.get(f"/api/v1/vms/1/raster.png?{query}").content)]

    assert column[0] == PRIVATE
    assert column[-1] == SHARED
    assert TRANSPARENT not in column


def test_a_hole_in_time_is_transparent_with_an_edge_in_the_dark(client: httpx.Client) -> None:
    query = "from=600&to=900&width=6&height=1&gpa_from=0x1000000&gpa_to=0x1100000&theme=dark"
    (row,) = pixels_of(client.get(f"/api/v1/vms/1/raster.png?{query}").content)

    assert row == [TRANSPARENT, TRANSPARENT, EDGE_RAMP, EDGE_RAMP, TRANSPARENT, TRANSPARENT]


def test_where_nothing_was_there_is_nothing_to_draw(client: httpx.Client) -> None:
    query = "from=0&to=4"
    edges = client.get(f"/api/v1/vms/1/raster?{query}").json()

    assert (edges["height"], edges["bands"], edges["image"]) == (0, [], None)
    picture = client.get(f"/api/v1/vms/1/raster.png?{query}")
    assert pixels_of(picture.content) == [[TRANSPARENT]]


def test_the_picture_is_of_the_edges_even_where_they_were_fitted(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def widen(self: Reader, vm_id: int, grid: Grid) -> Grid:
        edges = np.linspace(grid.t_edges[0] - 100, grid.t_edges[-1] + 100, 6).astype(np.int64)
        return Grid(edges, grid.row_first, grid.row_end)

    monkeypatch.setattr(Reader, "fit", widen)
    edges = client.get("/api/v1/vms/1/raster?from=200&to=400&width=20&gpa_to=0x100000").json()
    picture = pixels_of(client.get(edges["image"]).content)

    assert (edges["from"], edges["to"], edges["width"]) == (100, 500, 5)
    assert parse_qs(urlparse(edges["image"]).query)["from"] == ["200"]
    assert len(picture[0]) == 5


def test_a_picture_is_sent_again_only_if_it_changed(client: httpx.Client) -> None:
    url = client.get("/api/v1/vms/1/raster").json()["image"]
    tag = client.get(url).headers["etag"]

    again = client.get(url, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    other = client.get(url.replace("light", "dark"), headers={"If-None-Match": tag})
    assert other.status_code == 200


@pytest.mark.parametrize(
    ("t", "gpa", "expected"),
    [
        (
            150,
            "0x1_0001_0000",
            {"present": 1.0, "private": 0.9, "shared": 0.1, "unknown": 0.0, "conversions": 1},
        ),
        (
            450,
            "0x1_0000_0000",
            {"present": 1.0, "private": 1008 / 1024, "shared": 16 / 1024, "unknown": 0.0},
        ),
        (
            550,
            "0x1_0000_0000",
            {"private": 1004 / 1024, "shared": 16 / 1024, "unknown": 4 / 1024, "conversions": 1},
        ),
        (450, "0x0", {"present": 1.0, "shared": 1.0, "conversions": 0, "npages": 256}),
    ],
)
def test_a_cell_is_answered_exactly(
    client: httpx.Client, t: int, gpa: str, expected: dict[str, float]
) -> None:
    query: dict[str, str | int] = {
        "from": 0,
        "to": 1000,
        "width": 10,
        "height": 2,
        "t": t,
        "gpa": gpa,
    }
    query |= (
        {"gpa_from": "0x0", "gpa_to": "0x100000"} if gpa == "0x0" else {"gpa_from": "4294967296"}
    )
    query["height"] = 1
    cell = client.get("/api/v1/vms/1/raster/cell", params=query).json()

    assert (cell["from"], cell["to"]) == (t // 100 * 100, t // 100 * 100 + 100)
    for name, value in expected.items():
        assert cell[name] == pytest.approx(value, abs=1e-6), name


def test_failed_conversions_are_counted_apart(client: httpx.Client) -> None:
    query = "from=400&to=500&width=1&height=1&gpa_from=0x100000000&t=410&gpa=0x100000000"
    cell = client.get(f"/api/v1/vms/1/raster/cell?{query}").json()

    assert (cell["conversions"], cell["failed"]) == (1, 1)


def test_outside_the_map_is_no_cell(client: httpx.Client) -> None:
    answer = client.get("/api/v1/vms/1/raster/cell?from=0&to=1000&t=500&gpa=0x50000000")

    assert answer.status_code == 404
    assert answer.json()["detail"] == "no cell of this map holds t=500, gpa=0x50000000"


def test_cells_as_a_table_are_those_of_the_picture(client: httpx.Client) -> None:
    query = "from=0&to=1000&width=10&height=1&gpa_from=0x100000000"
    table = pa.ipc.open_file(client.get(f"/api/v1/vms/1/raster.arrow?{query}").content).read_all()

    rows = table.to_pylist()
    assert [row["t_from"] for row in rows] == list(range(0, 1000, 100))
    assert rows[-1] == {
        "t_from": 900,
        "t_to": 1000,
        "gfn": 0x100000,
        "npages": 1024,
        "present": 1.0,
        "private": 1004 / 1024,
        "unknown": 4 / 1024,
        "conversions": 0,
        "failed": 0,
        "page_faults": None,  # not recorded
        "private_faults": None,
        "returns": None,  # of the unknown pages
        "mixed": 0.5,
    }


def test_a_measure_that_was_not_recorded_names_why_in_the_words_of_the_recording(
    client: httpx.Client,
) -> None:
    ways = {m: client.get(f"/api/v1/vms/1/raster?measure={m}").json() for m in Measure}

    assert ways[Measure("page_faults")]["unavailable"] == "no faults"
    assert ways[Measure("conversions")]["unavailable"] is None
    assert ways[Measure("private")]["unavailable"] is None


def test_too_many_cells_are_refused(client: httpx.Client) -> None:
    answer = client.get("/api/v1/vms/1/raster?width=8000&height=8000")

    assert answer.status_code == 422
    assert "8000 x 8000 cells are too many: 2097152 at most" in answer.json()["detail"]


def test_a_vm_without_known_memslots_is_drawn_where_it_was_touched(client: httpx.Client) -> None:
    edges = client.get("/api/v1/vms/2/raster").json()

    assert edges["bands"] == [
        {"gpa_from": "0x10000", "gpa_to": "0x12000", "row_from": 0, "row_to": 2}
    ]
