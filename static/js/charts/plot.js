/** What the plots share: one time axis under all of them, so equal margins, and the page's colours. */

import { byId } from "../shared/dom.js";
import { timeTicks } from "../shared/time.js";

/** Below this width of the window, labels make way for the plots; the style sheets agree. */
export const NARROW = 560;
const PIXELS_PER_CHARACTER = 6.5;
const SPACE_BETWEEN_LABELS = 24;
const SHORTEST_LABEL = 7;

/**
 * Plotly draws; gestures are ours (gestures.js), so that they mean the same on every part.
 * @type {Plotly.Config}
 */
export const PLOT_CONFIG = { staticPlot: true, displayModeBar: false, responsive: false };

/** Margins left and right, the same for each part, as CSS knows them too. */
export function sideMargins() {
  return window.innerWidth < NARROW ? { l: 100, r: 8 } : { l: 112, r: 56 };
}

/**
 * Hand the style sheet where the plots begin and end.
 * @param {HTMLElement} root
 */
export function publishMargins(root) {
  const { l, r } = sideMargins();
  root.style.setProperty("--plot-left", `${l}px`);
  root.style.setProperty("--plot-right", `${r}px`);
}

/** @type {Map<HTMLElement, {width: number, height: number}>} */
const sizes = new Map();

/**
 * An element's size. Kept: to ask for it again after each change costs a layout of the page.
 * @param {HTMLElement} element
 */
export function sizeOf(element) {
  const known = sizes.get(element);
  if (known) return known;
  const size = { width: element.clientWidth, height: element.clientHeight };
  sizes.set(element, size);
  return size;
}

/** Ask for sizes anew: the page has another one. */
export function forgetSizes() {
  sizes.clear();
}

/**
 * Pixels of the plotting area of an element that is as wide as the plots.
 * @param {HTMLElement} element
 */
export function plotWidth(element) {
  const { l, r } = sideMargins();
  return Math.max(1, Math.round(sizeOf(element).width) - l - r);
}

/**
 * A colour of the style sheet, resolved for the current theme: Plotly knows no CSS variables.
 * @param {string} name
 */
export function colour(name) {
  const probe = byId("colour-probe");
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

/**
 * Layout of a plot: fonts, colours, the shared time axis.
 * @param {{time: import("../view/view.js").Span}} view
 * @param {{width: number, height: number}} size of the figure
 * @param {{t: number, b: number}} vertical margins
 * @param {boolean} hasTimeLabels
 * @returns {Plotly.Layout}
 */
export function baseLayout(view, { width, height }, vertical, hasTimeLabels) {
  const side = sideMargins();
  const { from, to } = view.time;
  const ticks = fittingTicks(from, to, width - side.l - side.r);
  const font = { family: getComputedStyle(document.body).fontFamily, size: 11 };
  return {
    width,
    height,
    margin: { ...side, ...vertical, pad: 0 },
    autosize: false,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    showlegend: false,
    font: { ...font, color: colour("muted") },
    xaxis: {
      range: [from, to],
      tickmode: "array",
      tickvals: ticks.values,
      ticktext: hasTimeLabels ? ticks.labels : ticks.labels.map(() => ""),
      ticks: hasTimeLabels ? "outside" : "",
      ticklen: 4,
      tickcolor: colour("line"),
      gridcolor: colour("grid"),
      showline: false,
      zeroline: false,
      fixedrange: true,
    },
  };
}

/**
 * As many time labels as fit beside each other: closer ones need more decimals, thus more room.
 * @param {number} from
 * @param {number} to
 * @param {number} pixels
 */
function fittingTicks(from, to, pixels) {
  const room = (/** @type {number} */ characters) =>
    characters * PIXELS_PER_CHARACTER + SPACE_BETWEEN_LABELS;
  const ticks = timeTicks(from, to, pixels / room(SHORTEST_LABEL));
  const longest = Math.max(SHORTEST_LABEL, ...ticks.labels.map((label) => label.length));
  return timeTicks(from, to, pixels / room(longest));
}

/**
 * The time axis alone, for a preview while the answer is on its way.
 * @param {{time: import("../view/view.js").Span}} view
 * @param {number} width
 * @param {boolean} hasTimeLabels
 * @returns {Record<string, unknown>}
 */
export function timeAxisUpdate(view, width, hasTimeLabels) {
  const { xaxis } = baseLayout(view, { width, height: 1 }, { t: 0, b: 0 }, hasTimeLabels);
  return {
    "xaxis.range": xaxis.range,
    "xaxis.tickvals": xaxis.tickvals,
    "xaxis.ticktext": xaxis.ticktext,
  };
}
