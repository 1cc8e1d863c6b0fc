/** Below the map: what its colours mean, and how much one cell covers. Or why there is nothing. */

/**
 * @typedef {import("../view/view.js").Measure} Measure
 * @typedef {import("../shared/rest_types.d.ts").RasterOut} Raster
 * @typedef {import("../shared/gpa.js").BandAxis} BandAxis
 */

import { byId } from "../shared/dom.js";
import { formatDuration } from "../shared/time.js";
import { formatCount, formatSize } from "../shared/units.js";

const NO_ROWS =
  "Nothing to show here: no memslot existed and no page was converted in this window.";
const NO_RANGES =
  "Nothing to show here: no memslot is known, and no conversion in this window has a range in the recording.";
/** @type {Partial<Record<Measure, string>>} */
const NONE = {
  conversions: "no conversion in this window",
  page_faults: "no guest page fault in this window",
  ping_pong: "no page returned to a state it had left in this window",
};
/** @type {Record<Measure, string>} */
const WORDS = {
  private: "private fraction",
  conversions: "conversions",
  page_faults: "guest page faults",
  ping_pong: "ping-pong",
  mixed: "mixed 2 MiB blocks",
};

/**
 * @param {Measure} measure
 * @param {Raster} raster
 * @param {BandAxis} axis
 * @param {HTMLElement} area that shows the map
 */
export function showLegend(measure, raster, axis, area) {
  const isCounted = !axis.isEmpty && raster.unavailable === null;
  const isNone = isCounted && measure in NONE && !raster.max;
  showWhyEmpty(raster, axis);
  showColours(measure, raster, isCounted && !isNone);
  showText("legend-none", raster.max === null ? "not recorded" : (NONE[measure] ?? ""), isNone);
  showUnplaced(measure, raster);
  byId("cell-size").textContent = axis.isEmpty
    ? ""
    : `1 cell = ${formatSize(raster.cell_bytes)} × ${formatDuration(raster.cell_ns)}`;
  area.setAttribute("aria-label", label(measure));
}

/**
 * @param {string} id
 * @param {string} text
 * @param {boolean} isShown
 */
function showText(id, text, isShown) {
  const element = byId(id);
  element.hidden = !isShown;
  element.textContent = text;
}

/**
 * @param {Raster} raster
 * @param {BandAxis} axis
 */
function showWhyEmpty({ unplaced, unavailable }, axis) {
  const noRows = unplaced ? NO_RANGES : NO_ROWS;
  const isShown = axis.isEmpty || unavailable !== null;
  showText("map-empty", axis.isEmpty ? noRows : (unavailable ?? ""), isShown);
}

/**
 * The meaning of the colours of one measure, where there are any.
 * @param {Measure} measure
 * @param {Raster} raster
 * @param {boolean} isShown
 */
function showColours(measure, { max }, isShown) {
  /** @type {NodeListOf<HTMLElement>} */
  const legends = document.querySelectorAll("[data-legend]");
  for (const legend of legends) {
    legend.hidden = legend.dataset.legend !== measure || !isShown;
    for (const most of legend.querySelectorAll(".most")) most.textContent = formatCount(max ?? 0);
  }
}

/**
 * Conversions that are on no row, because their range is not recorded.
 * @param {Measure} measure
 * @param {Raster} raster
 */
function showUnplaced(measure, { unplaced }) {
  const words = `of ${formatCount(unplaced ?? 0)} conversions the range is not recorded: they are not on the map`;
  byId("legend-anywhere").hidden = !unplaced;
  showText("legend-unplaced", words, Boolean(unplaced) && measure !== "private");
}

/** @param {Measure} measure */
const label = (measure) =>
  `Map of guest memory: ${WORDS[measure]} over time and address. Arrow keys move the cursor, ` +
  "w a s d zoom and pan, m changes what is shown, question mark lists all keys.";
