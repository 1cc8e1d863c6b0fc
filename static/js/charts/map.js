/**
 * The map: time x guest physical address. The server paints a picture of exactly the window shown;
 * it is laid under Plotly's axes band by band, with a labelled break where no memslot ever was.
 */

import { bandImage } from "./band_image.js";
import { BandAxis, addressTicks, formatAddress } from "../shared/gpa.js";
import { Overlay } from "./overlay.js";
import { loadPicture } from "./raster_picture.js";
import { PLOT_CONFIG, baseLayout, plotWidth, sizeOf, timeAxisUpdate } from "./plot.js";
import { formatSize } from "../shared/units.js";

const MARGIN = { t: 10, b: 24 };
const GAP = 18;
const LABELLED_GAP = 13;
const PIXELS_PER_ADDRESS_LABEL = 34;
const SLOT_LABEL_ROOM = 26;

export class MapPlot {
  axis = new BandAxis([]);
  /** Exact edges of the cells shown, from the server: {from, to, cell_ns, cell_bytes, ...}. */
  raster = null;
  /** Positions of the axis at the lower and the upper edge of what is drawn. */
  range = [0, 1];

  constructor(figure, overlayElement, vmId) {
    this.figure = figure;
    this.overlay = new Overlay(overlayElement);
    this.labels = this.overlay.add("div", "map-labels");
    this.crosshair = this.overlay.add("div", "mark mark-address");
    this.crosshair.hidden = true;
    this.vmId = vmId;
  }

  get height() {
    return sizeOf(this.figure).height - MARGIN.t - MARGIN.b;
  }

  /** What to ask the server for, so that one cell is one pixel. */
  parameters(view) {
    const { from, to } = view.time;
    const { from: gpaFrom, to: gpaTo } = view.addresses;
    return {
      from,
      to,
      ...view.addressParameters,
      width: Math.min(plotWidth(this.figure), to - from),
      height: Math.max(16, this.height - this.expectedGaps(gpaFrom, gpaTo) * GAP),
      measure: view.measure,
    };
  }

  expectedGaps(gpaFrom, gpaTo) {
    const holes = this.layout?.holes() ?? [];
    return Math.min(8, holes.filter((hole) => hole.from >= gpaFrom && hole.to <= gpaTo).length);
  }

  async load(view, signal) {
    this.layout = view.layout;
    const parameters = this.parameters(view);
    const { raster, picture } = await loadPicture(`/api/v1/vms/${this.vmId}`, parameters, signal);
    return { parameters, raster, picture };
  }

  /** Draw an answer of `load`. */
  draw(view, { parameters, raster, picture }, memslots) {
    this.parametersShown = parameters;
    this.raster = raster;
    this.axis = BandAxis.ofRaster(raster.bands, this.height, GAP);
    this.range = [0, this.height];
    const { width, height } = sizeOf(this.figure);
    const layout = baseLayout(view, width, height, MARGIN, true);
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
    layout.images = this.axis.bands.map((band) =>
      this.placeImage(bandImage(band, picture, columnWidth), band),
    );
    window.Plotly.react(this.figure, [], layout, PLOT_CONFIG);
    this.labels.hidden = false;
    this.placeLabels(view, memslots);
  }

  placeImage(source, band) {
    return {
      source,
      xref: "x",
      yref: "y",
      x: this.raster.from,
      y: band.end,
      sizex: this.raster.to - this.raster.from,
      sizey: band.end - band.start,
      xanchor: "left",
      yanchor: "top",
      sizing: "stretch",
      layer: "below",
    };
  }

  /** Move what is drawn to the view's window. */
  move(view) {
    if (!this.raster) return;
    const update = timeAxisUpdate(view, sizeOf(this.figure).width, true);
    if (!this.axis.isEmpty) {
      const { from, to } = view.addresses;
      this.range = [this.axis.positionOf(from), this.axis.positionOf(to)];
      update["yaxis.range"] = this.range;
    }
    window.Plotly.relayout(this.figure, update);
    const [low, high] = this.range;
    this.labels.hidden = Math.abs(low) > 1 || Math.abs(high - this.axis.length) > 1;
  }

  placeMarks(view, losses) {
    this.overlay.placeCursor(view);
    this.overlay.placeLosses(view, losses);
    const share = view.gpa === null || this.axis.isEmpty ? -1 : this.shareOf(view.gpa);
    this.crosshair.hidden = share < 0 || share > 1;
    this.crosshair.style.bottom = `${share * 100}%`;
  }

  placeLabels(view, memslots) {
    const why = memslots.length ? "no memslot" : "nothing seen";
    const holes = this.axis.holes().map((hole) => this.holeLabel(hole, why));
    this.labels.replaceChildren(...holes, ...this.slotLabels(view, memslots));
  }

  /** Share of the height at which an address is drawn: beyond 0 and 1 where it is out of sight. */
  shareOf(gpa) {
    const [low, high] = this.range;
    return (this.axis.positionOf(gpa) - low) / (high - low);
  }

  /** The address window between two shares of the height, in whole pages. */
  addressesBetween(low, high) {
    const [first, last] = this.range;
    return this.axis.windowBetween(...[low, high].map((share) => first + share * (last - first)));
  }

  addressAt(share) {
    const [low, high] = this.range;
    return this.axis.addressAt(low + share * (high - low));
  }

  /** Shares of the height between which a note's addresses lie; null where none are in view. */
  sharesOf({ gpa_from, gpa_to }) {
    if (this.axis.isEmpty) return null;
    const [from, to] = [Number(gpa_from), Number(gpa_to)];
    if (to <= this.axis.from || from >= this.axis.to) return null;
    const clamp = (share) => Math.min(1, Math.max(0, share));
    const ends = [Math.max(from, this.axis.from), Math.min(to, this.axis.to)];
    const [low, high] = ends.map((gpa) => clamp(this.shareOf(gpa)));
    return low < high ? [low, high] : null;
  }

  holeLabel(hole, why) {
    const label = document.createElement("div");
    label.className = "hole";
    const height = hole.end - hole.start;
    label.style.bottom = `${(hole.start / this.height) * 100}%`;
    label.style.height = `${height}px`;
    const text = `hole ${formatSize(hole.to - hole.from)} (${why})`;
    if (height >= LABELLED_GAP) label.textContent = text;
    label.title = `${text}: ${formatAddress(hole.from)} to ${formatAddress(hole.to)}`;
    return label;
  }

  /** Name each memslot beside its addresses, where there is room. */
  slotLabels(view, memslots) {
    const at = view.instant;
    const live = memslots.filter((slot) => slot.from <= at && (slot.to === null || slot.to > at));
    return live.flatMap((slot) => {
      const visible = this.visiblePart(slot);
      if (visible === null || visible[1] - visible[0] < SLOT_LABEL_ROOM) return [];
      const label = document.createElement("div");
      label.className = "slot-label";
      label.style.bottom = `${visible[0] + 10}px`;
      label.textContent = `slot ${slot.slot ?? "?"} ${slot.backing}`;
      return [label];
    });
  }

  visiblePart(slot) {
    if (this.axis.isEmpty) return null;
    const from = Math.max(Number(slot.gpa), this.axis.from);
    const to = Math.min(Number(slot.gpa) + slot.size, this.axis.to);
    return to > from ? [this.axis.positionOf(from), this.axis.positionOf(to)] : null;
  }

  /** The instant and the address at a point of the plotting area (shares, y from the top). */
  at(view, { x, y }) {
    const { from, to } = view.time;
    return { t: from + x * (to - from), gpa: this.addressAt(1 - y) };
  }
}
