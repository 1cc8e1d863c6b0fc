/** What backs a VM's memory over time: its accounts, and below them what may lie twice. */

import { colour } from "../charts/plot.js";
import { sizeAxis } from "../charts/timeline_figure.js";
import { partOf } from "../shared/dom.js";
import { PAGE_SIZE } from "../shared/gpa.js";
import { formatTime, setClock } from "../shared/time.js";
import { formatSize } from "../shared/units.js";
import { ZoomableChart, keepDrawn } from "./zoomable.js";

/**
 * @typedef {import("../view/view.js").Span} Span
 * At instants, in pages.
 * @typedef {{t: number[], private: number[], shared: number[], unknown: number[], lower: number[],
 *   upper: number[]}} Accounts
 */

const KINDS = /** @type {const} */ (["private", "shared", "unknown"]);

/** @param {HTMLElement} place that has both charts' places */
export function showBacking(place) {
  const { points, vm, clock } = place.dataset;
  setClock(clock ?? "");
  /** @type {Accounts} */
  const accounts = JSON.parse(points ?? "");
  const { t } = accounts;
  const whole = { from: t[0], to: Math.max(t[t.length - 1], t[0] + 1) };
  const link = partOf(place, "a.shown", HTMLAnchorElement);
  let shown = whole;
  const zoomed = (/** @type {Span | null} */ window) => {
    shown = window ?? whole;
    show();
  };
  const states = new ZoomableChart(partOf(place, ".states"), zoomed);
  const twice = new ZoomableChart(partOf(place, ".twice"), zoomed);
  const show = () => {
    states.draw(shown, () => statesOf(accounts));
    twice.draw(shown, () => twiceOf(accounts));
    link.href = `/vms/${vm}?from=${shown.from}&to=${shown.to}`;
  };
  states.open();
  twice.open();
  keepDrawn(show);
}

/**
 * All memory by its state, the parts upon each other.
 * @param {Accounts} accounts
 * @returns {import("./zoomable.js").Content}
 */
function statesOf(accounts) {
  const { t } = accounts;
  const all = t.map((_, i) => accounts.private[i] + accounts.shared[i] + accounts.unknown[i]);
  const traces = KINDS.map((kind) => ({
    ...stepLine(t, accounts[kind]),
    stackgroup: "all",
    fillcolor: colour(kind),
    ...(kind === "unknown" && { fillpattern: hatch() }),
    ...(kind === "private" && { line: edgeOf("private-edge") }),
  }));
  const text = t.map((_, i) =>
    [formatTime(t[i]), ...KINDS.map((kind) => `${kind} ${sizeOfPages(accounts[kind][i])}`)].join(
      "<br>",
    ),
  );
  return { traces, axes: { yaxis: bytes(all) }, hover: { t, text } };
}

/**
 * From what is known to lie twice to what may.
 * @param {Accounts} accounts
 * @returns {import("./zoomable.js").Content}
 */
function twiceOf({ t, lower, upper }) {
  const edge = edgeOf("failed");
  /** @type {Plotly.Trace[]} */
  const traces = [
    { ...stepLine(t, lower), line: edge },
    { ...stepLine(t, upper), line: edge, fill: "tonexty", fillcolor: colour("failed") },
  ];
  const text = t.map((_, i) => {
    const least = lower[i] === upper[i] ? "" : `${sizeOfPages(lower[i])} to `;
    return `${formatTime(t[i])}<br>${least}${sizeOfPages(upper[i])} may lie twice`;
  });
  return { traces, axes: { yaxis: bytes(upper) }, hover: { t, text } };
}

/**
 * @param {string} name of a colour
 * @returns {Plotly.Trace["line"]}
 */
const edgeOf = (name) => ({ width: 1, color: colour(name), shape: "vh" });

/** @param {number} pages */
const sizeOfPages = (pages) => formatSize(pages * PAGE_SIZE);

/** @param {number[]} pages */
const bytes = (pages) => ({
  ...sizeAxis(Math.max(...pages) * PAGE_SIZE),
  side: /** @type {const} */ ("left"),
});

/** @returns {Plotly.Pattern} */
const hatch = () => ({
  shape: "/",
  fgcolor: colour("unknown-stripe"),
  bgcolor: colour("unknown"),
  size: 5,
  solidity: 0.4,
});

/**
 * Counted at instants: a value is of the time up to it.
 * @param {number[]} t
 * @param {number[]} pages
 * @returns {Plotly.Trace}
 */
function stepLine(t, pages) {
  return {
    type: "scatter",
    mode: "lines",
    x: t,
    y: pages.map((count) => count * PAGE_SIZE),
    line: { width: 0, shape: "vh" },
    hoverinfo: "skip",
  };
}
