"""The cells of a map as rows."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from app.queries.maps import MapQuery, Rasters, cell_batches, map_layout
from app.queries.maps._cell_table import BATCH_CELLS
from app.store.read import Reader
from app.store.schema import Vm
from collector.simulator.phases import Flips
from collector.simulator.scenarios._boot import DMA
from tests.planting import record

WIDTH, HEIGHT = 64, 4096


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Reader, Vm]:
    path: Path = tmp_path_factory.mktemp("rasters") / "stormy.db"
    found = record(path, (Flips(0.5, 4.0, 200, DMA),), duration=5.0)
    return found.reader, found.vm


def test_rows_are_the_cells_that_hold_anything(recorded: tuple[Reader, Vm]) -> None:
    reader, vm = recorded
    layout = map_layout(reader, vm, MapQuery(None, None, None, None, WIDTH, HEIGHT))
    rasters = Rasters(reader)
    raster, churn = rasters.draw(vm, layout), rasters.draw_churn(vm, layout)
    assert raster is not None
    assert churn is not None
    nowhere = np.zeros(layout.width, np.int64)
    table = pa.Table.from_batches(cell_batches(layout, raster, churn, nowhere, has_faults=True))

    holds = (raster.present > 0) | (raster.conversions > 0) | (raster.page_faults > 0)
    rows, columns = np.nonzero(holds)
    assert table["gfn"].to_pylist() == [layout.row_first[row] for row in rows]
    assert table["t_from"].to_pylist() == [layout.t_edges[column] for column in columns]
    assert table["t_to"].to_pylist() == [layout.t_edges[column + 1] for column in columns]
    for name in ("present", "private", "unknown", "conversions", "failed", "page_faults"):
        assert np.array_equal(table[name].to_numpy(), getattr(raster, name)[holds]), name
    for name in ("mixed", "returns"):
        assert np.array_equal(table[name].to_numpy(), getattr(churn, name)[holds]), name
    unkept = pa.Table.from_batches(cell_batches(layout, raster, None, nowhere, has_faults=False))
    for name in ("mixed", "returns", "page_faults", "private_faults"):
        assert unkept[name].null_count == len(unkept) > 0


def test_cells_that_conversions_may_have_met_are_null_not_0(recorded: tuple[Reader, Vm]) -> None:
    reader, vm = recorded
    layout = map_layout(reader, vm, MapQuery(None, None, None, None, WIDTH, HEIGHT))
    raster = Rasters(reader).draw(vm, layout)
    everywhere = np.ones(layout.width, np.int64)
    table = pa.Table.from_batches(cell_batches(layout, raster, None, everywhere, has_faults=True))
    counts = table["conversions"].to_pylist()
    assert 0 not in counts
    assert None in counts
    assert any(counts)


def test_a_tall_map_is_few_batches_and_none_is_large(recorded: tuple[Reader, Vm]) -> None:
    reader, vm = recorded
    layout = map_layout(reader, vm, MapQuery(None, None, None, None, WIDTH, HEIGHT))
    nowhere, raster = np.zeros(layout.width, np.int64), Rasters(reader).draw(vm, layout)
    batches = list(cell_batches(layout, raster, None, nowhere, has_faults=True))
    assert layout.width * layout.height > 4 * BATCH_CELLS
    assert len(batches) <= layout.width * layout.height // BATCH_CELLS + 1
    assert max(batch.num_rows for batch in batches) <= BATCH_CELLS
