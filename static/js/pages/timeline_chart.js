/** Conversions over a stretch of time; who zooms in is shown it by finer buckets. */

import { addTimeline } from "../charts/timeline_figure.js";
import { bucketParts } from "../charts/timeline_readout.js";
import { partOf } from "../shared/dom.js";
import { VmResource } from "../shared/resources.js";
import { Latest } from "../shared/rest.js";
import { setClock } from "../shared/time.js";
import { colour, forgetSizes } from "../charts/plot.js";
import { ZoomableChart, keepDrawn } from "./zoomable.js";

/**
 * @typedef {import("../view/view.js").Span} Span
 * @typedef {Awaited<ReturnType<TimelineChart["load"]>>} Counts
 */

const BUCKETS = 300;

class TimelineChart {
  #reads = new Latest();
  /** @type {Counts | null} */
  #shown = null;
  has = { failed: false, faults: false, marks: false };

  /** @param {HTMLElement} place */
  constructor(place) {
    const { vm, from, to, storms } = place.dataset;
    this.vm = new VmResource(Number(vm));
    this.whole = { from: Number(from), to: Number(to) };
    this.window = this.whole;
    /** @type {[number, number][]} */
    this.storms = JSON.parse(storms ?? "[]");
    this.link = partOf(place.closest("figure") ?? place, "a.shown", HTMLAnchorElement);
    this.place = place;
    this.chart = new ZoomableChart(place, (window) => void this.show(window ?? this.whole));
  }

  /**
   * @param {Span} window
   * @param {AbortSignal} signal
   */
  load({ from, to }, signal) {
    const buckets = Math.max(1, Math.min(BUCKETS, to - from));
    return this.vm.get("timeline", { from, to, buckets }, signal);
  }

  /**
   * What is known of a window at once, and all of it when the server has answered.
   * @param {Span} window
   */
  async show(window) {
    this.window = window;
    this.#link(window);
    if (this.#shown) this.#draw(window, this.#shown);
    const counts = await this.#reads.run((signal) => this.load(window, signal)).catch(() => null);
    if (!counts) return; // what is there stays
    if (!this.#shown) this.#open(counts);
    this.#shown = counts;
    this.#draw(window, counts);
  }

  /** @param {Counts} counts of the whole */
  #open({ failed, page_faults }) {
    this.has.failed = failed.some((count) => (count ?? 0) > 0);
    this.has.faults = page_faults.some((count) => count !== null && count > 0);
    for (const [name, isThere] of Object.entries(this.has)) {
      this.place.classList.toggle(`has-${name}`, isThere);
    }
    forgetSizes();
    this.chart.open();
  }

  /** @param {Span} window */
  #link({ from, to }) {
    this.link.href = `/vms/${this.vm.id}?from=${from}&to=${to}&t=${from}`;
  }

  /**
   * @param {Span} window
   * @param {Counts} counts
   */
  #draw(window, counts) {
    const { edges } = counts;
    const { has } = this;
    this.chart.draw(window, (layout) => ({
      traces: addTimeline(layout, counts, { height: this.chart.height, has, marks: [] }),
      axes: { shapes: this.storms.map(stormShape) },
      hover: {
        t: edges.slice(1).map((edge, i) => (edge + edges[i]) / 2),
        text: edges.slice(1).map((_, i) => textOf(counts, i, has.faults)),
      },
    }));
  }
}

/**
 * @param {Counts} counts
 * @param {number} bucket
 * @param {boolean} hasFaults
 */
function textOf(counts, bucket, hasFaults) {
  const [when, parts, state] = bucketParts(counts, bucket, [], hasFaults);
  return [when, ...parts, state].join("<br>");
}

/**
 * @param {[number, number]} storm
 * @returns {Plotly.Shape}
 */
function stormShape([from, to]) {
  const fillcolor = colour("warn-ground");
  return {
    type: "rect",
    xref: "x",
    yref: "paper",
    x0: from,
    x1: to,
    y0: 0,
    y1: 1,
    fillcolor,
    line: { width: 0 },
    layer: "below",
  };
}

/** @param {HTMLElement} place */
export function showTimeline(place) {
  setClock(place.dataset.clock ?? "");
  const chart = new TimelineChart(place);
  keepDrawn(() => void chart.show(chart.window));
}
