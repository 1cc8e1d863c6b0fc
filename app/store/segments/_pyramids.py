"""Reading coarse summaries: what stands for many segments in windows that are wide in time."""

from dataclasses import replace

from sqlalchemy import Connection

from app.model.raster import ChurnSums, RasterSums, Summary, TimelineSummary
from app.store.checksums import COARSE
from app.store.codecs import CellForm, decode_cells, decode_timeline, product_shift_of
from app.store.segments._blobs import decoding, read_coarse_timeline, read_tile
from app.store.segments._cache import ByteCache
from app.store.segments._coarse import CoarseInfo, Pyramid, TileInfo, read_coarse_infos
from app.store.segments._segments import Segments, state_of

_INFO_SIZE = 400
Sums = type[RasterSums | ChurnSums]


class Pyramids:
    """Reads the coarse summaries of VMs inside the caller's snapshot; shares a cache with their
    segments. What is damaged raises PartDamagedError; once it is set aside, finer ones are read."""

    def __init__(self, segments: Segments, cache: ByteCache) -> None:
        self._segments = segments
        self._cache = cache

    def of_vm(self, connection: Connection, vm_id: int) -> Pyramid:
        """Raises NotFound."""
        infos = self._segments.of_vm(connection, vm_id)
        damage = self._segments.damage(vm_id)
        revision = self._segments.vm(connection, vm_id).revision
        return self._cache.get(
            ("pyramid", vm_id, revision, damage),
            lambda: Pyramid(
                infos,
                (
                    one
                    for one in read_coarse_infos(connection, vm_id)
                    if (COARSE, one.id) not in damage
                ),
            ),
            lambda pyramid: _INFO_SIZE * (len(pyramid.infos) + 1),
            state_of(vm_id, revision),
        )

    def cells(
        self, connection: Connection, one: CoarseInfo, area: tuple[int, int, int], sums: Sums
    ) -> list[Summary]:
        """For rasters: what their sums need of an area: blocks of a shift that the coarse summary
        has, from a first gfn to an end."""
        block_shift, first_gfn, end_gfn = area

        def read(tile: TileInfo, *, carried: bool) -> Summary:
            return self._cache.get(
                ("tile", tile.id, sums, carried),
                lambda: _tile(connection, one, (block_shift, tile, carried), sums),
                lambda summary: summary.cells.nbytes,
            )

        tiles = one.tiles(block_shift, first_gfn, end_gfn)
        return [read(tile, carried=tile is tiles[0]) for tile in tiles]

    def timeline(self, connection: Connection, one: CoarseInfo) -> TimelineSummary:
        return self._cache.get(
            ("coarse timeline", one.id),
            lambda: _timeline(connection, one),
            lambda summary: summary.counts.nbytes + summary.quanta.nbytes,
        )


def _tile(
    connection: Connection, one: CoarseInfo, area: tuple[int, TileInfo, bool], sums: Sums
) -> Summary:
    """`carried`: with what holds for it from the tiles below, which are not read themselves."""
    block_shift, tile, carried = area
    shifts = one.quantum_shift, block_shift
    with decoding(one, COARSE):
        form = CellForm(*shifts, product_shift_of(*shifts))
        blob = read_tile(connection, one, tile)
        whole = decode_cells(blob, form, sums.planes.tolist(), counts=sums.has_counts)
    if carried:
        return whole
    return replace(whole, cells=whole.cells[whole.cells["block"] >= tile.first_block])


def _timeline(connection: Connection, one: CoarseInfo) -> TimelineSummary:
    with decoding(one, COARSE):
        found = decode_timeline(read_coarse_timeline(connection, one), one.quantum_shift)
        if found is None:
            raise ValueError("a coarse timeline counts everything")
    return found
