/**
 * A timeline for Plotly: conversions a second, to private upwards and to shared downwards, with private
 * bytes as a line on the right axis; below them the subplots that the VM has.
 */

/**
 * @typedef {import("../shared/rest_types.d.ts").TimelineView} Counts
 * Which subplots there are beside the conversions.
 * @typedef {{failed: boolean, faults: boolean, marks: boolean}} Has
 */

import { NARROW, colour } from "./plot.js";
import {
  failureTicks,
  faultBars,
  markTicks,
  outline,
  subplotsOf,
  unknownOutlines,
} from "./timeline_subplots.js";
import { PAGE_SIZE } from "../shared/gpa.js";
import { formatPerTime } from "../shared/time.js";
import { formatSize, niceStep } from "../shared/units.js";

const NS_PER_S = 1e9;

/**
 * Give a layout the axes of a timeline. Returns what is drawn on them.
 * @param {Plotly.Layout} layout
 * @param {Counts} answer
 * @param {object} how
 * @param {number} how.height of the plotting area, pixels
 * @param {Has} how.has
 * @param {{t: number}[]} how.marks
 */
export function addTimeline(layout, answer, { height, has, marks }) {
  const { edges } = answer;
  const seconds = edges.slice(1).map((edge, i) => (edge - edges[i]) / NS_PER_S);
  const up = answer.to_private.map((count, i) => (count ?? 0) / seconds[i]);
  const down = answer.to_shared.map((count, i) => -(count ?? 0) / seconds[i]);
  const unknown = answer.to_unknown.map((count, i) => (count ?? 0) / seconds[i]);
  const subplots = subplotsOf(height, has);
  const rates = rateAxis(up, down, unknown, layout.xaxis.gridcolor ?? "");
  layout.yaxis = { ...rates, domain: subplots.conversions };
  layout.yaxis2 = bytesAxis(answer);
  layout.annotations = subplots.names;
  layout.xaxis.anchor = "free";
  layout.xaxis.position = 0;
  const traces = [
    ...unknownOutlines(edges, up, down, unknown),
    outline(edges, up, colour("private")),
    outline(edges, down, colour("shared")),
    privateLine(edges, answer.private),
  ];
  if (subplots.failed) traces.push(failureTicks(answer, layout, subplots.failed));
  if (subplots.faults) traces.push(...faultBars(answer, seconds, layout, subplots.faults));
  if (subplots.marks) traces.push(markTicks(marks, layout, subplots.marks));
  return traces;
}

/**
 * Pages at each bucket's right edge, as a step line of bytes.
 * @param {number[]} edges
 * @param {(number | null)[]} pages
 * @returns {Plotly.Trace}
 */
function privateLine(edges, pages) {
  return {
    type: "scatter",
    mode: "lines",
    x: edges.slice(1),
    y: pages.map((count) => (count === null ? null : count * PAGE_SIZE)),
    yaxis: "y2",
    line: { color: colour("ink"), width: 1.25, shape: "vh" },
    hoverinfo: "skip",
  };
}

/**
 * @param {number[]} up
 * @param {number[]} down
 * @param {number[]} unknown
 * @param {string} gridcolor
 * @returns {Plotly.Axis}
 */
function rateAxis(up, down, unknown, gridcolor) {
  const top = Math.max(...up.map((rate, i) => rate + unknown[i] / 2), 0);
  const bottom = Math.min(...down.map((rate, i) => rate - unknown[i] / 2), 0);
  const span = top - bottom || 1;
  const step = niceStep(span, 4);
  const values = [];
  for (let i = Math.ceil(bottom / step); i * step <= top; i += 1) values.push(i * step);
  return {
    range: [bottom - span * 0.06, (top || 1) + span * 0.06],
    tickmode: "array",
    tickvals: values,
    ticktext: values.map(formatPerTime),
    gridcolor,
    zeroline: true,
    zerolinecolor: colour("muted"),
    zerolinewidth: 1,
    fixedrange: true,
  };
}

/**
 * Bytes from none to all pages that have a state, on the right.
 * @param {Counts} counts
 * @returns {Plotly.Axis}
 */
function bytesAxis({ private: isPrivate, shared, unknown }) {
  const all = isPrivate.map((pages, i) => (pages ?? 0) + (shared[i] ?? 0) + (unknown[i] ?? 0));
  return { ...sizeAxis(Math.max(...all) * PAGE_SIZE), overlaying: "y" };
}

/**
 * From none to so many bytes, in binary units.
 * @param {number} most
 * @returns {Plotly.Axis}
 */
export function sizeAxis(most) {
  const top = Math.max(most, PAGE_SIZE);
  const hasLabels = window.innerWidth >= NARROW && most > 0;
  return {
    side: "right",
    range: [0, top * 1.06],
    tickmode: "array",
    tickvals: hasLabels ? [0, top / 2, top] : [],
    ticktext: ["0", formatSize(top / 2), formatSize(top)],
    showgrid: false,
    zeroline: false,
    fixedrange: true,
  };
}
