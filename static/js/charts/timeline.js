/**
 * The timeline, in subplots: conversions per second, to private upwards and to shared downwards, with
 * private bytes as a line on the right axis; below them failed conversions, guest page faults and the
 * phase marks of firmware and boot, if the VM had any.
 */

import { describeFilters } from "../shared/event_filters.js";
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
import { address, fetchJson } from "../shared/rest.js";
import { formatDuration, formatPerTime, formatTime } from "../shared/time.js";
import { marksText, phaseMark } from "../shared/phase_marks.js";
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

export class Timeline {
  answer = null;
  /** Which subplots there are beside the conversions. */
  has = { failed: false, faults: false, marks: false };

  /** @param {{readout: HTMLElement, counted: HTMLElement}} says of a bucket, and what is counted */
  constructor(figure, overlayElement, says, vmId) {
    this.figure = figure;
    this.overlay = new Overlay(overlayElement);
    Object.assign(this, says);
    this.vmId = vmId;
  }

  /** Give each kind of event that the VM ever had its subplot, whatever the window holds of it. */
  chooseSubplots({ conversions, events }) {
    this.wanted = {
      failed: conversions.failed > 0,
      faults: (events.page_fault ?? 0) > 0,
      marks: (events.phase_mark ?? 0) > 0,
    };
  }

  showSubplots() {
    this.has = this.wanted;
    for (const name of Object.keys(this.has)) {
      document.getElementById(`legend-${name}`).hidden = !this.has[name];
      this.figure.parentElement.classList.toggle(`has-${name}`, this.has[name]);
    }
    forgetSizes();
  }

  async load(view, signal) {
    const { from, to } = view.time;
    const buckets = Math.floor(plotWidth(this.figure) / PIXELS_PER_BUCKET);
    const chosen = { ...view.addressParameters, ...view.filters };
    const parameters = { from, to, buckets: Math.max(1, Math.min(buckets, to - from)), ...chosen };
    const [answer, marks] = await Promise.all([
      fetchJson(address(`/api/v1/vms/${this.vmId}/timeline`, parameters), signal),
      this.#loadMarks({ from, to }, signal),
    ]);
    return { parameters, answer, marks };
  }

  /** Of the whole VM, as bytes are: a mark is of no page, and no filter of events leaves it out. */
  async #loadMarks(window, signal) {
    if (this.wanted?.marks === false) return { items: [], next: null };
    const parameters = { ...window, kind: "phase_mark", limit: MOST_MARKS };
    return fetchJson(address(`/api/v1/vms/${this.vmId}/events`, parameters), signal);
  }

  /** Draw an answer of `load`. */
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
    document.getElementById("legend-undirected").hidden = Math.max(...unknown) === 0;
    const { width, height } = sizeOf(this.figure);
    const layout = baseLayout(view, width, height, MARGIN, false);
    const subplots = subplotsOf(height - MARGIN.t - MARGIN.b, this.has);
    layout.yaxis = {
      ...rateAxis(up, down, unknown, layout.xaxis.gridcolor),
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
    window.Plotly.react(this.figure, traces, layout, PLOT_CONFIG);
    this.counted.textContent = [countedText(view), marks.next === null ? "" : MORE_MARKS]
      .filter(Boolean)
      .join(" ");
  }

  /** Move what is drawn to the view's window. */
  move(view) {
    if (this.answer === null) return;
    const { width } = sizeOf(this.figure);
    window.Plotly.relayout(this.figure, timeAxisUpdate(view, width, false));
  }

  placeMarks(view, storms) {
    this.overlay.placeCursor(view);
    this.overlay.placeLosses(view, this.answer?.losses ?? []);
    this.overlay.placeStorms(view, storms);
  }

  /** Say what the bucket at an instant holds, exactly. */
  showBucket(t) {
    const bucket = t === null ? -1 : this.bucketAt(t);
    if (bucket < 0) {
      this.readout.textContent = "";
      return;
    }
    const { edges, to_private, to_shared, to_unknown, failed, unconfirmed } = this.answer;
    const length = formatDuration(edges[bucket + 1] - edges[bucket]);
    const counts = [
      `${formatCount(to_private[bucket])} to private`,
      `${formatCount(to_shared[bucket])} to shared`,
      ...(to_unknown[bucket] ? [`${formatCount(to_unknown[bucket])} of unknown direction`] : []),
      `${formatCount(failed[bucket])} failed`,
    ];
    if (unconfirmed[bucket]) counts.push(`${formatCount(unconfirmed[bucket])} unconfirmed`);
    if (this.has.faults) counts.push(faultText(this.answer, bucket));
    const marks = this.marks.filter((mark) => this.bucketAt(mark.t) === bucket);
    if (marks.length) counts.push(marksText(marks.map(({ aux }) => phaseMark(aux))));
    this.readout.textContent =
      `${formatTime(edges[bucket])}, ${length}: ${counts.join(", ")}; ` +
      `then ${stateText(this.answer, bucket)}`;
    this.readout.title = this.readout.textContent;
  }

  bucketAt(t) {
    if (!this.answer) return -1;
    const { edges } = this.answer;
    return edges.findIndex((edge, i) => t >= edge && t < edges[i + 1]);
  }
}

const MORE_MARKS = `Phase marks: the first ${formatCount(MOST_MARKS)} of the window.`;

/** Which events are counted, where that is not all. */
function countedText({ filters, gpaFrom, gpaTo }) {
  const where = gpaFrom === null && gpaTo === null ? "" : "at the shown addresses";
  const counted = [describeFilters(filters), where].filter(Boolean).join("; ");
  return counted ? `counted: ${counted}. Bytes are of the whole VM.` : "";
}

/** Private bytes and mixed blocks at a bucket's end, as far as they are known. */
function stateText({ private: pages, unknown, mixed_2m }, bucket) {
  const size = formatSize(pages[bucket] * PAGE_SIZE);
  const bytes = pages[bucket] === null ? "private bytes not recorded" : `${size} private`;
  if (mixed_2m[bucket] === null) return `${bytes}, mixed 2 MiB blocks not recorded`;
  const least = unknown[bucket] === 0 ? "" : "at least ";
  return `${bytes}, ${least}${formatCount(mixed_2m[bucket])} mixed 2 MiB blocks`;
}

function faultText({ page_faults, private_faults }, bucket) {
  const faults = `${formatCount(page_faults[bucket])} page faults`;
  if (!page_faults[bucket]) return faults;
  return private_faults[bucket] === null
    ? `${faults} (private or not is not recorded)`
    : `${faults} (${formatCount(private_faults[bucket])} known to be private)`;
}

/** Pages at each bucket's right edge, as a step line of bytes. */
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

/** Bytes from none to all pages that have a state, on the right. */
function bytesAxis({ private: isPrivate, shared, unknown }) {
  const all = isPrivate.map((pages, i) => (pages + shared[i] + unknown[i]) * PAGE_SIZE);
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
