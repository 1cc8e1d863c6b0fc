/** Below the map: what its colours mean, and how much one cell covers. Or why there is nothing. */

import { formatDuration } from "../shared/time.js";
import { formatCount, formatSize } from "../shared/units.js";

const NO_ROWS = "Nothing to show here: no memslot existed and no page was converted in this window.";
const NO_RANGES =
  "Nothing to show here: no memslot is known, and no conversion in this window has a range in the recording.";
const NONE = {
  conversions: "no conversion in this window",
  page_faults: "no guest page fault in this window",
  ping_pong: "no page returned to a state it had left in this window",
};
const WORDS = {
  private: "private fraction",
  conversions: "conversions",
  page_faults: "guest page faults",
  ping_pong: "ping-pong",
  mixed: "mixed 2 MiB blocks",
};

const byId = (id) => document.getElementById(id);

export function showLegend({ measure }, { raster, axis, overlay }) {
  const isCounted = !axis.isEmpty && raster.unavailable === null;
  const isNone = isCounted && measure in NONE && !raster.max;
  const noRows = raster.unplaced ? NO_RANGES : NO_ROWS;
  byId("map-empty").textContent = axis.isEmpty ? noRows : (raster.unavailable ?? "");
  byId("map-empty").hidden = isCounted;
  for (const legend of document.querySelectorAll("[data-legend]")) {
    legend.hidden = legend.dataset.legend !== measure || !isCounted || isNone;
    for (const most of legend.querySelectorAll(".most")) most.textContent = formatCount(raster.max);
  }
  byId("legend-none").hidden = !isNone;
  byId("legend-none").textContent = raster.max === null ? "not recorded" : (NONE[measure] ?? "");
  byId("legend-anywhere").hidden = !raster.unplaced;
  byId("legend-unplaced").hidden = !(raster.unplaced && measure !== "private");
  byId("legend-unplaced").textContent =
    `of ${formatCount(raster.unplaced ?? 0)} conversions the range is not recorded: they are not on the map`;
  byId("cell-size").textContent = axis.isEmpty
    ? ""
    : `1 cell = ${formatSize(raster.cell_bytes)} × ${formatDuration(raster.cell_ns)}`;
  overlay.element.setAttribute("aria-label", label(measure));
}

const label = (measure) =>
  `Map of guest memory: ${WORDS[measure]} over time and address. Arrow keys move the cursor, ` +
  "w a s d zoom and pan, m changes what is shown, question mark lists all keys.";
