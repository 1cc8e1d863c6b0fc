/**
 * The address strip: the shown addresses at one instant, low to high, down to single pages. It is
 * one column of the map, asked for at that instant and laid on its side.
 */

/**
 * @typedef {import("../view/view.js").View} View
 * @typedef {Awaited<ReturnType<Strip["load"]>>} StripAnswer
 */

import { BandAxis, PAGE_SIZE, formatAddress } from "../shared/gpa.js";
import { contextOf } from "./canvas.js";
import { hatchUnknown } from "./hatch.js";
import { loadPicture } from "./raster_picture.js";
import { plotWidth, sizeOf } from "./plot.js";
import { formatTime } from "../shared/time.js";
import { formatCount, formatSize } from "../shared/units.js";

const GAP = 6;
/** Pages are drawn apart once each is this wide. */
const PIXELS_PER_SINGLE_PAGE = 4;

export class Strip {
  /** @type {BandAxis<import("../shared/gpa.js").RowBand>} */
  axis = new BandAxis([]);

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLElement} caption
   * @param {import("../shared/resources.js").VmResource} vm
   */
  constructor(canvas, caption, vm) {
    this.canvas = canvas;
    this.caption = caption;
    this.vm = vm;
  }

  get width() {
    return plotWidth(this.canvas.parentElement ?? this.canvas);
  }

  /**
   * What to ask the server for: a column of the map that is one instant wide.
   * @param {View} view
   */
  question(view) {
    const at = view.instant;
    return { from: at, to: at + 1, width: 1, height: this.width, ...view.addressParameters };
  }

  /**
   * @param {View} view
   * @param {AbortSignal} signal
   */
  async load(view, signal) {
    const column = this.question(view);
    const { from: at, to } = column;
    const [{ raster, picture }, totals] = await Promise.all([
      loadPicture(this.vm, column, signal),
      this.vm.get("timeline", { from: at, to, buckets: 1 }, signal),
    ]);
    return { at, raster, picture, totals };
  }

  /**
   * @param {View} view
   * @param {StripAnswer} answer
   */
  draw(view, { at, raster, picture }) {
    const { width } = this;
    const { height } = sizeOf(this.canvas);
    const scale = window.devicePixelRatio || 1;
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    this.axis = BandAxis.ofRaster(raster.bands, width, GAP);
    const context = contextOf(this.canvas, { willReadFrequently: true });
    context.scale(scale, scale);
    context.imageSmoothingEnabled = false;
    if (picture) this.drawBands(context, laidOnItsSide(picture), height);
    hatchUnknown(context, this.canvas.width, this.canvas.height);
    this.separatePages(context, height);
    this.drawCursor(context, view, height);
    this.caption.textContent = this.describe(at, view.instantText);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {HTMLCanvasElement} row
   * @param {number} height
   */
  drawBands(context, row, height) {
    for (const { rowFrom, rowTo, start, end } of this.axis.bands) {
      context.drawImage(row, rowFrom, 0, rowTo - rowFrom, 1, start, 0, end - start, height);
    }
  }

  /**
   * Draw lines between pages, where pages are wide enough.
   * @param {CanvasRenderingContext2D} context
   * @param {number} height
   */
  separatePages(context, height) {
    context.fillStyle = getComputedStyle(this.canvas).getPropertyValue("background-color");
    for (const band of this.axis.bands) {
      const pages = (band.to - band.from) / PAGE_SIZE;
      const perPage = (band.end - band.start) / pages;
      if (perPage < PIXELS_PER_SINGLE_PAGE) continue;
      for (let page = 1; page < pages; page += 1) {
        context.fillRect(band.start + page * perPage - 0.5, 0, 1, height);
      }
    }
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {View} view
   * @param {number} height
   */
  drawCursor(context, view, height) {
    if (view.gpa === null || this.axis.isEmpty) return;
    if (view.gpa < this.axis.from || view.gpa >= this.axis.to) return;
    context.fillStyle = getComputedStyle(this.canvas).color;
    context.fillRect(this.axis.positionOf(view.gpa) - 1, 0, 2, height);
  }

  /**
   * @param {number} at
   * @param {string} where
   */
  describe(at, where) {
    if (this.axis.isEmpty) return `No memslot is known at ${formatTime(at)}.`;
    const bytes = this.axis.bands.reduce((sum, band) => sum + band.to - band.from, 0);
    const range = `${formatAddress(this.axis.from)} to ${formatAddress(this.axis.to)}`;
    const size = `${formatSize(bytes)}, ${formatCount(bytes / PAGE_SIZE)} pages`;
    return `State ${where}, ${formatTime(at)}: ${range} (${size})`;
  }
}

/**
 * The picture's one column as a row: lowest address first.
 * @param {ImageBitmap} picture
 */
function laidOnItsSide(picture) {
  const column = document.createElement("canvas");
  [column.width, column.height] = [1, picture.height];
  const source = contextOf(column);
  source.drawImage(picture, 0, 0);
  const pixels = new Uint32Array(source.getImageData(0, 0, 1, picture.height).data.buffer);
  const row = document.createElement("canvas");
  [row.width, row.height] = [picture.height, 1];
  const turned = new ImageData(new Uint8ClampedArray(pixels.reverse().buffer), picture.height, 1);
  contextOf(row).putImageData(turned, 0, 0);
  return row;
}
