"""The time x gpa map: its exact edges, its picture, its cells as numbers."""

import hashlib
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

import numpy as np
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from app.http.answers import (
    TABLE_RESPONSES,
    AnswerOf,
    BadParameter,
    OnlyJson,
)
from app.http.dependencies import RastersOf, ReaderOf, VmId
from app.http.parameters import GfnsOf, Gpa, TimesOf
from app.model.guest import PAGE_SHIFT
from app.model.raster import Band
from app.queries.figures import could_hold, hex_gpa, known
from app.queries.maps import (
    CELLS,
    EMPTY_PNG,
    CellView,
    MapLayout,
    MapQuery,
    Measure,
    Theme,
    cell_at,
    cell_batches,
    map_layout,
    most,
    open_columns,
    raster_png,
    unplaced_in,
    why_not,
    with_times,
)
from app.store.errors import NotFound
from app.store.schema import Vm

router = APIRouter(prefix="/vms", tags=["raster"])

MOST_CELLS = 2 << 20
Width = Annotated[int, Query(ge=1, le=8192, description="At most so many columns.")]
Height = Annotated[int, Query(ge=1, le=8192, description="At most so many rows.")]
MeasureOf = Annotated[
    Measure,
    Query(
        description="private: what share was private; conversions, page_faults: how many; "
        "ping_pong: how many returns (changes of a page back to private or shared that it had been "
        "before), once for each page; mixed: what share lies in mixed 2 MiB blocks."
    ),
]
ThemeOf = Annotated[Theme, Query(description="Which page the picture is for.")]


class BandOut(BaseModel):
    """An interval of addresses drawn without a break. Rows count from the lowest address."""

    gpa_from: str = Field(examples=["0x100000000"])
    gpa_to: str = Field(examples=["0x180000000"])
    row_from: int
    row_to: int


EXAMPLE: JsonDict = {
    "from": 0,
    "to": 60_000_000_000,
    "width": 1000,
    "height": 512,
    "cell_ns": 60_000_000.0,
    "cell_bytes": 8_388_608.0,
    "bands": [
        {"gpa_from": "0x0", "gpa_to": "0x80000000", "row_from": 0, "row_to": 256},
        {"gpa_from": "0x100000000", "gpa_to": "0x180000000", "row_from": 256, "row_to": 512},
    ],
    "measure": "private",
    "max": 122,
    "unplaced": 0,
    "unavailable": None,
    "image": "/api/v1/vms/1/raster.png?from=0&to=60000000000&width=1000&height=512"
    "&measure=private&theme=light&revision=7",
    "tag": '"4f1c2a9be07d4e0c8a6b5d3f2e1c0b9a"',
}


class RasterOut(BaseModel):
    """The edges of a map, and where its picture is."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    from_t: int = Field(
        serialization_alias="from",
        description="Where the first column begins: as asked, or a little before in wide windows.",
    )
    to_t: int = Field(serialization_alias="to", description="Where the last column ends.")
    width: int = Field(description="Columns; column i is [from + span*i/width, ...), whole ns.")
    height: int = Field(description="Rows; 0: no memslot was there at that time.")
    cell_ns: float = Field(description="Time that a column covers on average.")
    cell_bytes: float = Field(description="Bytes that a row covers on average.")
    bands: list[BandOut] = Field(
        description="Holes between memslots are left out. Rows divide a band evenly, in wide "
        "windows to a quarter of a row; raster/cell has a row's exact borders."
    )
    measure: Measure
    max: int | None = Field(
        description="Most of what the measure counts in a cell: the top of its logarithmic scale. "
        "Of fractions: most conversions (private), most returns (mixed). Null: none is known, but "
        "there were conversions whose range is not recorded."
    )
    unplaced: int | None = Field(
        description="Conversions in this time whose range is not recorded: none of them is in the "
        "picture. Null of page faults, which do not follow from conversions."
    )
    unavailable: str | None = Field(
        description="Why the recording cannot show this measure: the picture has nothing of it."
    )
    image: str | None = Field(description="The picture of exactly this; null: no rows.")
    tag: str = Field(description="The ETag of that picture: raster.png of the same query has it.")


def map_query(times: TimesOf, gfns: GfnsOf, width: Width = 1000, height: Height = 512) -> MapQuery:
    """Read what part of a VM to draw, and how finely."""
    if width * height > MOST_CELLS:
        raise BadParameter("width", f"{width} x {height} cells are too many: {MOST_CELLS} at most")
    return MapQuery(times.first, times.end, gfns.first, gfns.end, width, height)


MapQueryOf = Annotated[MapQuery, Depends(map_query)]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a picture shows, and for which page."""

    measure: Measure
    theme: Theme


def drawn(measure: MeasureOf = Measure.PRIVATE, theme: ThemeOf = Theme.LIGHT) -> Drawn:
    return Drawn(measure, theme)


DrawnOf = Annotated[Drawn, Depends(drawn)]


def revision(
    revision: Annotated[
        int | None, Query(description="Distinguishes pictures of a growing recording; no more.")
    ] = None,
) -> None:
    """Nothing depends on it."""


@router.get("/{vm_id}/raster", response_model=RasterOut, responses=TABLE_RESPONSES)
def show_raster(
    reader: ReaderOf,
    rasters: RastersOf,
    answer: AnswerOf,
    vm_id: VmId,
    query: MapQueryOf,
    drawn: DrawnOf,
) -> RasterOut | Response:
    """The exact edges of a map and where its picture is; as a table, its cells as numbers."""
    vm = reader.vm(vm_id)
    query = with_times(reader, vm, query)
    layout = map_layout(reader, vm, query)
    if answer.table is not None:
        timeline = reader.timeline(vm_id, np.array(layout.t_edges, np.int64))
        held = rasters.draw(vm, layout), rasters.draw_churn(vm, layout)
        recording = reader.recording(vm.recording_id)
        has_faults = could_hold(vm, recording, "page_fault")
        cells = cell_batches(layout, *held, timeline.unplaced, has_faults=has_faults)
        return answer.rows(cells, CELLS)
    measure = drawn.measure
    raster = rasters.draw_measure(vm, layout, measure)
    unplaced = unplaced_in(reader, vm, layout, measure)
    return RasterOut(
        from_t=layout.from_t,
        to_t=layout.to_t,
        width=layout.width,
        height=layout.height,
        cell_ns=(layout.to_t - layout.from_t) / layout.width,
        cell_bytes=(layout.pages << PAGE_SHIFT) / max(layout.height, 1),
        bands=[band_out(band) for band in layout.bands],
        measure=measure,
        max=known(0 if raster is None else most(raster, measure), is_open=bool(unplaced)),
        unplaced=unplaced,
        unavailable=why_not(reader.recording(vm.recording_id), vm, measure),
        image=None if raster is None else image_url(vm, query, drawn),
        tag=picture_tag(vm, layout, drawn),
    )


def band_out(band: Band) -> BandOut:
    return BandOut(
        gpa_from=hex_gpa(band.first_gfn),
        gpa_to=hex_gpa(band.end_gfn),
        row_from=band.row_first,
        row_to=band.row_end,
    )


def image_url(vm: Vm, query: MapQuery, drawn: Drawn) -> str:
    """The picture's URL; it differs as soon as the VM's stored history does.

    It asks what was asked here, not for the edges that were drawn: those would be fitted anew.
    """
    gpas = {
        name: hex_gpa(gfn)
        for name, gfn in (("gpa_from", query.first_gfn), ("gpa_to", query.end_gfn))
        if gfn is not None
    }
    parameters = {
        "from": query.from_t,
        "to": query.to_t,
        **gpas,
        "width": query.width,
        "height": query.height,
        "measure": drawn.measure,
        "theme": drawn.theme,
        "revision": vm.revision,
    }
    return f"/api/v1/vms/{vm.id}/raster.png?{urlencode(parameters)}"


@router.get(
    "/{vm_id}/raster.png",
    response_class=Response,
    responses={
        200: {"content": {"image/png": {}}, "description": "A palette PNG."},
        304: {"description": "The picture is still the one that If-None-Match names."},
    },
    dependencies=[Depends(revision)],
)
def show_picture(
    request: Request,
    reader: ReaderOf,
    rasters: RastersOf,
    vm_id: VmId,
    query: MapQueryOf,
    drawn: DrawnOf,
) -> Response:
    """The map as a picture, a pixel a cell, the highest address in the top row.

    Transparent: no memslot. Hatched: some of the cell is unknown, or most of it.
    """
    vm = reader.vm(vm_id)
    layout = map_layout(reader, vm, query)
    headers = {"ETag": picture_tag(vm, layout, drawn), "Cache-Control": "no-cache"}
    if headers["ETag"] == request.headers.get("if-none-match"):
        return Response(status_code=304, headers=headers)
    raster = rasters.draw_measure(vm, layout, drawn.measure)
    if raster is None:
        return Response(EMPTY_PNG, media_type="image/png", headers=headers)
    is_open = open_columns(reader, vm, layout, drawn.measure)
    png = raster_png(raster, drawn.measure, drawn.theme, is_open)
    return Response(png, media_type="image/png", headers=headers)


def picture_tag(vm: Vm, layout: MapLayout, drawn: Drawn) -> str:
    """Names the picture's contents: what is drawn, of which state of the recording."""
    contents = f"{vm.uuid} {vm.revision} {layout} {drawn.measure} {drawn.theme}"
    return f'"{hashlib.sha256(contents.encode()).hexdigest()[:32]}"'


@router.get("/{vm_id}/raster/cell", dependencies=[OnlyJson])
def show_cell(
    reader: ReaderOf,
    vm_id: VmId,
    query: MapQueryOf,
    t: Annotated[int, Query(description="An instant in the cell, ns since the start.")],
    gpa: Annotated[Gpa, Query(description="An address in the cell, hex or decimal.")],
) -> CellView:
    """What is in one cell of the map with the same parameters, exactly."""
    vm = reader.vm(vm_id)
    if gpa is None:
        raise BadParameter("gpa", "an address is needed")
    cell = cell_at(reader, vm, map_layout(reader, vm, query), t, gpa >> PAGE_SHIFT)
    if cell is None:
        raise NotFound(f"no cell of this map holds t={t}, gpa={gpa:#x}")
    return cell
