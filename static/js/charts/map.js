/**
 * The map: time x guest physical address. The server paints a picture of exactly the window shown;
 * it is laid under Plotly's axes band by band, with a labelled break where no memslot ever was.
 */

/**
 * @typedef {import("../view/view.js").View} View
 * @typedef {import("../view/view.js").Memslot} Memslot
 * @typedef {import("../shared/gpa.js").RowBand} RowBand
 * @typedef {Awaited<ReturnType<MapPlot["load"]>>} MapAnswer
 */

import { made } from "../shared/dom.js";
import { BandAxis, addressTicks, formatAddress } from "../shared/gpa.js";
import { isAlive } from "../shared/memslots.js";
import { Overlay } from "./overlay.js";
import { bandImage, loadPicture } from "./raster_picture.js";
import { PLOT_CONFIG, baseLayout, plotWidth, sizeOf, timeAxisUpdate } from "./plot.js";
import { formatSize } from "../shared/units.js";

const MARGIN = { t: 10, b: 24 };
const GAP = 18;
const LABELLED_GAP = 13;
const PIXELS_PER_ADDRESS_LABEL = 34;
const SLOT_LABEL_ROOM = 26;

export class MapPlot {
  /** @type {BandAxis<RowBand>} */
  axis = new BandAxis([]);
  /**
   * Exact edges of the cells shown.
   * @type {import("../shared/rest_types.d.ts").RasterOut | null}
   */
  raster = null;
  /**
   * What they were asked for by.
   * @type {ReturnType<MapPlot["question"]> | null}
   */
  parametersShown = null;
  /**
   * Positions of the axis at the lower and the upper edge of what is drawn.
   * @type {[number, number]}
   */
  range = [0, 1];

  /**
   * @param {HTMLElement} figure
   * @param {HTMLElement} overlayElement
   * @param {import("../shared/resources.js").VmResource} vm
   */
  constructor(figure, overlayElement, vm) {
    this.figure = figure;
    this.overlay = new Overlay(overlayElement);
    this.labels = this.overlay.add("div", "map-labels");
    this.crosshair = this.overlay.add("div", "mark mark-address");
    this.crosshair.hidden = true;
    this.vm = vm;
  }

  get height() {
    return sizeOf(this.figure).height - MARGIN.t - MARGIN.b;
  }

  /**
   * What to ask the server for, so that one cell is one pixel.
   * @param {View} view
   */
  question(view) {
    const { from, to } = view.time;
    return {
      from,
      to,
      ...view.addressParameters,
      width: Math.min(plotWidth(this.figure), to - from),
      height: Math.max(16, this.height - expectedGaps(view) * GAP),
      measure: view.measure,
    };
  }

  /**
   * @param {View} view
   * @param {AbortSignal} signal
   */
  async load(view, signal) {
    const parameters = this.question(view);
    const { raster, picture } = await loadPicture(this.vm, parameters, signal);
    return { parameters, raster, picture };
  }

  /**
   * Draw an answer of `load`.
   * @param {View} view
   * @param {MapAnswer} answer
   */
  draw(view, { parameters, raster, picture }) {
    this.parametersShown = parameters;
    this.raster = raster;
    this.axis = BandAxis.ofRaster(raster.bands, this.height, GAP);
    this.range = [0, this.height];
    const layout = baseLayout(view, sizeOf(this.figure), MARGIN, true);
    const ticks = addressTicks(this.axis, PIXELS_PER_ADDRESS_LABEL);
    layout.yaxis = {
      range: this.range,
      tickmode: "array",
      tickvals: ticks.values,
      ticktext: ticks.labels,
      tickfont: {
        family: "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace",
        size: 10.5,
      },
      ticks: "outside",
      ticklen: 3,
      tickcolor: layout.xaxis.tickcolor,
      showgrid: false,
      zeroline: false,
      fixedrange: true,
    };
    layout.xaxis.showgrid = false;
    const columnWidth = plotWidth(this.figure) / raster.width;
    layout.images = this.axis.bands.flatMap((band) =>
      picture ? [placeImage(bandImage(band, picture, columnWidth), raster, band)] : [],
    );
    Plotly.react(this.figure, [], layout, PLOT_CONFIG);
    this.labels.hidden = false;
  }

  /**
   * Move what is drawn to the view's window.
   * @param {View} view
   */
  move(view) {
    if (!this.raster) return;
    const update = timeAxisUpdate(view, sizeOf(this.figure).width, true);
    if (!this.axis.isEmpty) {
      const { from, to } = view.addresses;
      this.range = [this.axis.positionOf(from), this.axis.positionOf(to)];
      update["yaxis.range"] = this.range;
    }
    Plotly.relayout(this.figure, update);
    const [low, high] = this.range;
    this.labels.hidden = Math.abs(low) > 1 || Math.abs(high - this.axis.length) > 1;
  }

  /**
   * @param {View} view
   * @param {Memslot[]} memslots
   * @param {{losses: import("./overlay.js").Loss[], expired: import("./overlay.js").Expired[]}} gaps
   * @param {import("./overlay.js").Recording} recording
   */
  placeMarks(view, memslots, gaps, recording) {
    if (!this.labels.hidden) this.placeLabels(view, memslots);
    this.overlay.placeCursor(view);
    this.overlay.placeGaps(view, gaps, recording);
    this.overlay.placeChapters(view, recording);
    const share = view.gpa === null || this.axis.isEmpty ? -1 : this.shareOf(view.gpa);
    this.crosshair.hidden = share < 0 || share > 1;
    this.crosshair.style.bottom = `${share * 100}%`;
  }

  /**
   * @param {View} view
   * @param {Memslot[]} memslots
   */
  placeLabels(view, memslots) {
    const why = memslots.length ? "no memslot" : "nothing seen";
    const holes = this.axis.holes().map((hole) => this.holeLabel(hole, why));
    this.labels.replaceChildren(...holes, ...this.slotLabels(view, memslots));
  }

  /**
   * Share of the height at which an address is drawn: beyond 0 and 1 where it is out of sight.
   * @param {number} gpa
   */
  shareOf(gpa) {
    const [low, high] = this.range;
    return (this.axis.positionOf(gpa) - low) / (high - low);
  }

  /**
   * The address window between two shares of the height, in whole pages.
   * @param {number} low
   * @param {number} high
   */
  addressesBetween(low, high) {
    const [first, last] = this.range;
    const at = (/** @type {number} */ share) => first + share * (last - first);
    return this.axis.windowBetween(at(low), at(high));
  }

  /** @param {number} share */
  addressAt(share) {
    const [low, high] = this.range;
    return this.axis.addressAt(low + share * (high - low));
  }

  /**
   * Shares of the height between which addresses lie; null where none of them are in view.
   * @param {number} from
   * @param {number} to
   */
  sharesOf(from, to) {
    if (this.axis.isEmpty) return null;
    if (to <= this.axis.from || from >= this.axis.to) return null;
    const clamp = (/** @type {number} */ share) => Math.min(1, Math.max(0, share));
    const ends = [Math.max(from, this.axis.from), Math.min(to, this.axis.to)];
    const [low, high] = ends.map((gpa) => clamp(this.shareOf(gpa)));
    return low < high ? [low, high] : null;
  }

  /**
   * @param {import("../shared/gpa.js").Band} hole
   * @param {string} why
   */
  holeLabel(hole, why) {
    const label = made("div", "", "hole");
    const height = hole.end - hole.start;
    label.style.bottom = `${(hole.start / this.height) * 100}%`;
    label.style.height = `${height}px`;
    const text = `hole ${formatSize(hole.to - hole.from)} (${why})`;
    if (height >= LABELLED_GAP) label.textContent = text;
    label.title = `${text}: ${formatAddress(hole.from)} to ${formatAddress(hole.to)}`;
    return label;
  }

  /**
   * Name each memslot beside its addresses, where there is room.
   * @param {View} view
   * @param {Memslot[]} memslots
   */
  slotLabels(view, memslots) {
    const at = view.instant;
    const live = memslots.filter((slot) => isAlive(slot, at));
    return live.flatMap((slot) => {
      const visible = this.visiblePart(slot);
      if (visible === null || visible[1] - visible[0] < SLOT_LABEL_ROOM) return [];
      const label = made("div", `slot ${slot.slot ?? "?"} ${slot.backing}`, "slot-label");
      label.style.bottom = `${visible[0] + 10}px`;
      return [label];
    });
  }

  /** @param {Memslot} slot */
  visiblePart(slot) {
    if (this.axis.isEmpty) return null;
    const from = Math.max(Number(slot.gpa), this.axis.from);
    const to = Math.min(Number(slot.gpa) + slot.size, this.axis.to);
    return to > from ? [this.axis.positionOf(from), this.axis.positionOf(to)] : null;
  }

  /**
   * The instant and the address at a point of the plotting area.
   * @param {View} view
   * @param {import("./gestures.js").Point} point
   */
  at(view, { x, y }) {
    const { from, to } = view.time;
    return { t: from + x * (to - from), gpa: this.addressAt(1 - y) };
  }
}

/**
 * One band of the picture, at its place on the axes.
 * @param {string} source
 * @param {import("../shared/rest_types.d.ts").RasterOut} raster
 * @param {RowBand} band
 * @returns {Plotly.LayoutImage}
 */
function placeImage(source, raster, band) {
  return {
    source,
    xref: "x",
    yref: "y",
    x: raster.from,
    y: band.end,
    sizex: raster.to - raster.from,
    sizey: band.end - band.start,
    xanchor: "left",
    yanchor: "top",
    sizing: "stretch",
    layer: "below",
  };
}

/**
 * How many holes will be drawn as gaps.
 * @param {View} view
 */
function expectedGaps({ layout, addresses: { from, to } }) {
  return Math.min(8, layout.holes().filter((hole) => hole.from >= from && hole.to <= to).length);
}
