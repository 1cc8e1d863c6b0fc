/**
 * The timeline, in subplots: conversions per second, to private upwards and to shared downwards, with
 * private bytes as a line on the right axis; below them failed conversions, guest page faults and the
 * phase marks of firmware and boot, if the VM had any.
 */

/**
 * @typedef {import("../view/view.js").View} View
 * @typedef {import("../shared/rest_types.d.ts").TimelineOut} Counts
 * @typedef {import("../shared/rest_types.d.ts").Event} Event
 * @typedef {Awaited<ReturnType<Timeline["load"]>>} TimelineAnswer
 */

import { byId } from "../shared/dom.js";
import { PAGE_SIZE } from "../shared/gpa.js";
import { Overlay } from "./overlay.js";
import {
  NARROW,
  PLOT_CONFIG,
  baseLayout,
  colour,
  forgetSizes,
  plotWidth,
  sizeOf,
  timeAxisUpdate,
} from "./plot.js";
import { formatPerTime } from "../shared/time.js";
import { bucketText, countedText } from "./timeline_readout.js";
import {
  failureTicks,
  faultBars,
  markTicks,
  subplotsOf,
  steps,
  unknownSteps,
} from "./timeline_subplots.js";
import { formatCount, formatSize, niceStep } from "../shared/units.js";

const MARGIN = { t: 6, b: 6 };
const PIXELS_PER_BUCKET = 4;
const NS_PER_S = 1e9;
/** So many phase marks are drawn; of more, those that come first. */
const MOST_MARKS = 1000;
const MORE_MARKS = `Phase marks: the first ${formatCount(MOST_MARKS)} of the window.`;

export class Timeline {
  /** @type {Counts | null} */
  answer = null;
  /** @type {Event[]} the phase marks in the window, of the whole VM */
  marks = [];
  /**
   * What it was asked for by.
   * @type {import("../shared/rest.js").Parameters | null}
   */
  parametersShown = null;
  /** Which subplots there are beside the conversions, and which are to be. */
  has = { failed: false, faults: false, marks: false };
  wanted = this.has;

  /**
   * @param {HTMLElement} figure
   * @param {HTMLElement} overlayElement
   * @param {{readout: HTMLElement, counted: HTMLElement}} says of a bucket, and what is counted
   * @param {import("../shared/resources.js").VmResource} vm
   */
  constructor(figure, overlayElement, says, vm) {
    this.figure = figure;
    this.overlay = new Overlay(overlayElement);
    this.readout = says.readout;
    this.counted = says.counted;
    this.vm = vm;
  }

  /**
   * Give each kind of event that the VM ever had its subplot, whatever the window holds of it.
   * @param {import("../shared/rest_types.d.ts").VmView} vm
   */
  chooseSubplots({ conversions, events }) {
    this.wanted = {
      failed: conversions.failed > 0,
      faults: (events.page_fault ?? 0) > 0,
      marks: (events.phase_mark ?? 0) > 0,
    };
  }

  showSubplots() {
    this.has = this.wanted;
    for (const [name, isThere] of Object.entries(this.has)) {
      byId(`legend-${name}`).hidden = !isThere;
      this.figure.parentElement?.classList.toggle(`has-${name}`, isThere);
    }
    forgetSizes();
  }

  /**
   * What to ask the server for.
   * @param {View} view
   */
  question(view) {
    const { from, to } = view.time;
    const buckets = Math.floor(plotWidth(this.figure) / PIXELS_PER_BUCKET);
    const chosen = { ...view.addressParameters, ...view.filters };
    return { from, to, buckets: Math.max(1, Math.min(buckets, to - from)), ...chosen };
  }

  /**
   * @param {View} view
   * @param {AbortSignal} signal
   */
  async load(view, signal) {
    const parameters = this.question(view);
    const [answer, marks] = await Promise.all([
      this.vm.get("timeline", parameters, signal),
      this.#loadMarks(view.time, signal),
    ]);
    return { parameters, answer, marks };
  }

  /**
   * Of the whole VM, as bytes are: a mark is of no page, and no filter of events leaves it out.
   * @param {import("../view/view.js").Span} window
   * @param {AbortSignal} signal
   * @returns {Promise<{items: Event[], next: string | null}>}
   */
  async #loadMarks(window, signal) {
    if (!this.wanted.marks) return { items: [], next: null };
    return this.vm.get("events", { ...window, kind: "phase_mark", limit: MOST_MARKS }, signal);
  }

  /**
   * Draw an answer of `load`.
   * @param {View} view
   * @param {TimelineAnswer} answered
   */
  draw(view, { parameters, answer, marks }) {
    if (this.has !== this.wanted) this.showSubplots();
    this.parametersShown = parameters;
    this.answer = answer;
    this.marks = marks.items;
    const { edges } = answer;
    const seconds = edges.slice(1).map((edge, i) => (edge - edges[i]) / NS_PER_S);
    const up = answer.to_private.map((count, i) => count / seconds[i]);
    const down = answer.to_shared.map((count, i) => -count / seconds[i]);
    const unknown = answer.to_unknown.map((count, i) => count / seconds[i]);
    byId("legend-undirected").hidden = Math.max(...unknown) === 0;
    const size = sizeOf(this.figure);
    const layout = baseLayout(view, size, MARGIN, false);
    const subplots = subplotsOf(size.height - MARGIN.t - MARGIN.b, this.has);
    layout.yaxis = {
      ...rateAxis(up, down, unknown, layout.xaxis.gridcolor ?? ""),
      domain: subplots.conversions,
    };
    layout.yaxis2 = bytesAxis(answer);
    layout.annotations = subplots.names;
    layout.xaxis.anchor = "free";
    layout.xaxis.position = 0;
    const traces = [
      ...unknownSteps(edges, up, down, unknown),
      steps(edges, up, colour("private")),
      steps(edges, down, colour("shared")),
      privateLine(edges, answer.private),
    ];
    if (subplots.failed) traces.push(failureTicks(answer, layout, subplots.failed));
    if (subplots.faults) traces.push(...faultBars(answer, seconds, layout, subplots.faults));
    if (subplots.marks) traces.push(markTicks(this.marks, layout, subplots.marks));
    Plotly.react(this.figure, traces, layout, PLOT_CONFIG);
    const more = marks.next === null ? "" : MORE_MARKS;
    this.counted.textContent = [countedText(view), more].filter(Boolean).join(" ");
  }

  /**
   * Move what is drawn to the view's window.
   * @param {View} view
   */
  move(view) {
    if (this.answer === null) return;
    const { width } = sizeOf(this.figure);
    Plotly.relayout(this.figure, timeAxisUpdate(view, width, false));
  }

  /**
   * @param {View} view
   * @param {import("./overlay.js").Storm[]} storms
   */
  placeMarks(view, storms) {
    this.overlay.placeCursor(view);
    this.overlay.placeLosses(view, this.answer?.losses ?? []);
    this.overlay.placeStorms(view, storms);
  }

  /**
   * Show what the bucket at an instant holds, exactly.
   * @param {number | null} t
   */
  showBucket(t) {
    const bucket = t === null ? -1 : this.bucketAt(t);
    if (this.answer === null || bucket < 0) {
      this.readout.textContent = "";
      return;
    }
    const marks = this.marks.filter((mark) => this.bucketAt(mark.t) === bucket);
    this.readout.textContent = bucketText(this.answer, bucket, marks, this.has.faults);
    this.readout.title = this.readout.textContent;
  }

  /** @param {number} t */
  bucketAt(t) {
    if (!this.answer) return -1;
    const { edges } = this.answer;
    return edges.findIndex((edge, i) => t >= edge && t < edges[i + 1]);
  }
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
  const all = isPrivate.map(
    (pages, i) => ((pages ?? 0) + (shared[i] ?? 0) + (unknown[i] ?? 0)) * PAGE_SIZE,
  );
  const top = Math.max(...all, PAGE_SIZE);
  const hasLabels = window.innerWidth >= NARROW && Math.max(...all) > 0;
  return {
    overlaying: "y",
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
