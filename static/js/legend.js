/** Below the map: what its colours mean, and how much one cell covers. */

import { formatDuration } from "./time.js";
import { formatCount, formatSize } from "./units.js";

const byId = (id) => document.getElementById(id);

export function showLegend({ measure }, { raster, axis }) {
  const isPrivate = measure === "private";
  byId("map-empty").hidden = !axis.isEmpty;
  byId("legend-private").hidden = !isPrivate;
  byId("legend-conversions").hidden = isPrivate;
  byId("most-conversions").textContent = formatCount(raster.max);
  byId("cell-size").textContent = axis.isEmpty
    ? ""
    : `1 cell = ${formatSize(raster.cell_bytes)} × ${formatDuration(raster.cell_ns)}`;
}
