/**
 * The subplots of the timeline below the conversions: failed conversions, guest page faults, and phase
 * marks.
 */

/**
 * @typedef {import("../shared/rest_types.d.ts").TimelineView} Counts
 * From the bottom up, as shares of the height.
 * @typedef {[number, number]} Domain
 * @typedef {{conversions: Domain, failed?: Domain, faults?: Domain, marks?: Domain,
 *   names: Plotly.Annotation[]}} Subplots
 */

import { NARROW, colour, sideMargins } from "./plot.js";
import { formatPerTime } from "../shared/time.js";

const GAP = 6;
const FAILED_HEIGHT = 16;
const FAULTS_HEIGHT = 36;
const MARKS_HEIGHT = 16;
const MARK_TICK = 12;
const LEAST_TICK = 4;
const NAME_LEFT = { wide: 16, narrow: 4 };

/**
 * Where each subplot lies; and their names, left of them.
 * @param {number} height of the plotting area, pixels
 * @param {{failed: boolean, faults: boolean, marks: boolean}} has
 * @returns {Subplots}
 */
export function subplotsOf(height, has) {
  let bottom = 0;
  const above = (/** @type {number} */ pixels) => {
    /** @type {Domain} */
    const domain = [bottom / height, Math.min(1, (bottom + pixels) / height)];
    bottom += pixels + GAP;
    return domain;
  };
  const marks = has.marks ? above(MARKS_HEIGHT) : undefined;
  const faults = has.faults ? above(FAULTS_HEIGHT) : undefined;
  const failed = has.failed ? above(FAILED_HEIGHT) : undefined;
  const names = [
    nameAt("conversions", 1, "top"),
    ...(failed ? [nameAt("failed", middleOf(failed), "middle")] : []),
    ...(faults ? [nameAt("page faults", middleOf(faults), "middle")] : []),
    ...(marks ? [nameAt("phase marks", middleOf(marks), "middle")] : []),
  ];
  return { conversions: [bottom / height, 1], failed, faults, marks, names };
}

/** @param {Domain} domain */
const middleOf = ([bottom, top]) => (bottom + top) / 2;

/**
 * In the margin, which is as wide as addresses need: rates leave room for a name.
 * @param {string} text
 * @param {number} y
 * @param {"top" | "middle"} yanchor
 * @returns {Plotly.Annotation}
 */
function nameAt(text, y, yanchor) {
  const left = window.innerWidth < NARROW ? NAME_LEFT.narrow : NAME_LEFT.wide;
  return {
    text,
    xref: "paper",
    x: 0,
    xanchor: "left",
    xshift: left - sideMargins().l,
    yref: "paper",
    y,
    yanchor,
    showarrow: false,
    borderpad: 0,
  };
}

/**
 * Bars without gaps as one outline: drawn several times faster than a shape for each bucket.
 * @param {number[]} edges
 * @param {number[]} rates
 * @param {string} fillcolor
 * @returns {Plotly.Trace}
 */
export function outline(edges, rates, fillcolor) {
  return {
    type: "scatter",
    mode: "lines",
    x: edges,
    y: [...rates, 0],
    line: { shape: "hv", width: 0 },
    fill: "tozeroy",
    fillcolor,
    hoverinfo: "skip",
  };
}

/**
 * Conversions whose direction is not recorded: half upwards beyond `up`, half downwards beyond `down`,
 * hatched. To be drawn before both, which cover what is theirs.
 * @param {number[]} edges
 * @param {number[]} up
 * @param {number[]} down
 * @param {number[]} unknown
 * @returns {Plotly.Trace[]}
 */
export function unknownOutlines(edges, up, down, unknown) {
  const [fgcolor, bgcolor] = [colour("unknown-stripe"), colour("unknown")];
  /** @type {Plotly.Pattern} */
  const hatch = { shape: "/", fgcolor, bgcolor, size: 5, solidity: 0.4 };
  const beyond = (/** @type {number[]} */ rates, /** @type {number} */ direction) =>
    rates.map((rate, i) => (unknown[i] > 0 ? rate + (direction * unknown[i]) / 2 : 0));
  return [beyond(up, 1), beyond(down, -1)].map((rates) => ({
    ...outline(edges, rates, colour("unknown")),
    fillpattern: hatch,
  }));
}

/**
 * A tick for each bucket with failures, the longer the more there were.
 * @param {Counts} counts
 * @param {Plotly.Layout} layout
 * @param {Domain} domain
 * @returns {Plotly.Trace}
 */
export function failureTicks({ edges, failed }, layout, domain) {
  const counts = failed.map((count) => count ?? 0);
  const most = Math.max(...counts, 1);
  const at = [...counts.keys()].filter((i) => counts[i] > 0);
  layout.yaxis3 = { domain, range: [-1, 1], visible: false, fixedrange: true };
  const length = (/** @type {number} */ count) =>
    LEAST_TICK + (FAILED_HEIGHT - LEAST_TICK) * (Math.log1p(count) / Math.log1p(most));
  return {
    type: "scatter",
    mode: "markers",
    x: at.map((i) => (edges[i] + edges[i + 1]) / 2),
    y: at.map(() => 0),
    yaxis: "y3",
    marker: {
      symbol: "line-ns",
      size: at.map((i) => length(counts[i])),
      line: { width: 2, color: colour("failed") },
    },
    hoverinfo: "skip",
  };
}

/**
 * A tick for each phase mark, at its instant.
 * @param {{t: number}[]} marks
 * @param {Plotly.Layout} layout
 * @param {Domain} domain
 * @returns {Plotly.Trace}
 */
export function markTicks(marks, layout, domain) {
  layout.yaxis5 = { domain, range: [-1, 1], visible: false, fixedrange: true };
  return {
    type: "scatter",
    mode: "markers",
    name: "phase marks",
    x: marks.map(({ t }) => t),
    y: marks.map(() => 0),
    yaxis: "y5",
    marker: { symbol: "line-ns", size: MARK_TICK, line: { width: 1, color: colour("ink") } },
    hoverinfo: "skip",
  };
}

/**
 * All page faults, and over them those known to be private. Of a bucket of which nothing is known,
 * nothing is drawn; the readout names why.
 * @param {Counts} counts
 * @param {number[]} seconds
 * @param {Plotly.Layout} layout
 * @param {Domain} domain
 * @returns {Plotly.Trace[]}
 */
export function faultBars({ edges, page_faults, private_faults }, seconds, layout, domain) {
  const rates = page_faults.map((count, i) => (count ?? 0) / seconds[i]);
  const known = private_faults.map((count, i) => (count ?? 0) / seconds[i]);
  const top = Math.max(...rates, 0);
  layout.yaxis4 = {
    domain,
    range: [0, (top || 1) * 1.04],
    tickmode: "array",
    tickvals: top ? [0, top] : [0],
    ticktext: ["0", formatPerTime(top)],
    showgrid: false,
    zeroline: true,
    zerolinecolor: colour("muted"),
    zerolinewidth: 1,
    fixedrange: true,
  };
  const traces = [
    outline(edges, rates, colour("unknown")),
    outline(edges, known, colour("private")),
  ];
  return traces.map((trace) => ({ ...trace, yaxis: "y4" }));
}
