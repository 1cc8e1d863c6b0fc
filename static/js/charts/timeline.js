/**
 * The timeline, in subplots: conversions per second, to private upwards and to shared downwards, with
 * private bytes as a line on the right axis; below them failed conversions, guest page faults and the
 * phase marks of firmware and boot, if the VM had any.
 */

/**
 * @typedef {import("../view/view.js").View} View
 * @typedef {import("../shared/rest_types.d.ts").TimelineView} Counts
 * @typedef {import("../shared/rest_types.d.ts").Event} Event
 * @typedef {Awaited<ReturnType<Timeline["load"]>>} TimelineAnswer
 */

import { byId } from "../shared/dom.js";
import { NO_GAPS, Overlay } from "./overlay.js";
import { PLOT_CONFIG, baseLayout, forgetSizes, plotWidth, sizeOf, timeAxisUpdate } from "./plot.js";
import { bucketText, countedText } from "./timeline_readout.js";
import { addTimeline } from "./timeline_figure.js";
import { formatCount } from "../shared/units.js";

const MARGIN = { t: 6, b: 6 };
const PIXELS_PER_BUCKET = 4;
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
   * @param {{readout: HTMLElement, counted: HTMLElement}} texts of a bucket, and of what is counted
   * @param {import("../shared/resources.js").VmResource} vm
   */
  constructor(figure, overlayElement, texts, vm) {
    this.figure = figure;
    this.overlay = new Overlay(overlayElement);
    this.readout = texts.readout;
    this.counted = texts.counted;
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
    byId("legend-undirected").hidden = answer.to_unknown.every((count) => count === 0);
    const size = sizeOf(this.figure);
    const layout = baseLayout(view, size, MARGIN, false);
    const height = size.height - MARGIN.t - MARGIN.b;
    const traces = addTimeline(layout, answer, { height, has: this.has, marks: this.marks });
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
   * @param {import("./overlay.js").Recording} recording
   */
  placeMarks(view, storms, recording) {
    this.overlay.placeCursor(view);
    this.overlay.placeGaps(view, this.answer ?? NO_GAPS, recording);
    this.overlay.placeChapters(view, recording);
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
