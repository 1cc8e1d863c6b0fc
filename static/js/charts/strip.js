/**
 * The address strip: the shown addresses at one instant, low to high, down to single pages. It is
 * one column of the map, asked for at that instant and laid on its side.
 */

import { BandAxis, PAGE_SIZE, formatAddress } from "../shared/gpa.js";
import { hatchUnknown } from "./hatch.js";
import { loadPicture } from "./raster_picture.js";
import { plotWidth, sizeOf } from "./plot.js";
import { address, fetchJson } from "../shared/rest.js";
import { formatTime } from "../shared/time.js";
import { formatCount, formatSize } from "../shared/units.js";

const GAP = 6;
/** Pages are drawn apart once each is this wide. */
const PIXELS_PER_SINGLE_PAGE = 4;

export class Strip {
  axis = new BandAxis([]);

  constructor(canvas, caption, vmId) {
    this.canvas = canvas;
    this.caption = caption;
    this.vmId = vmId;
  }

  async load(view, signal) {
    const at = view.instant;
    const height = plotWidth(this.canvas.parentElement);
    const column = { from: at, to: at + 1, width: 1, height, ...view.addressParameters };
    const path = `/api/v1/vms/${this.vmId}`;
    const instant = { from: at, to: at + 1, buckets: 1 };
    const [{ raster, picture }, totals] = await Promise.all([
      loadPicture(path, column, signal),
      fetchJson(address(`${path}/timeline`, instant), signal),
    ]);
    return { at, raster, picture, totals };
  }

  draw(view, { at, raster, picture }) {
    const width = plotWidth(this.canvas.parentElement);
    const { height } = sizeOf(this.canvas);
    const scale = window.devicePixelRatio || 1;
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    this.axis = BandAxis.ofRaster(raster.bands, width, GAP);
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    context.scale(scale, scale);
    context.imageSmoothingEnabled = false;
    if (picture) this.drawBands(context, laidOnItsSide(picture), height);
    hatchUnknown(context, this.canvas.width, this.canvas.height);
    this.separatePages(context, height);
    this.drawCursor(context, view, height);
    this.caption.textContent = this.describe(at, view.instantText);
  }

  drawBands(context, row, height) {
    for (const { rowFrom, rowTo, start, end } of this.axis.bands) {
      context.drawImage(row, rowFrom, 0, rowTo - rowFrom, 1, start, 0, end - start, height);
    }
  }

  /** Draw lines between pages, where pages are wide enough to be told apart. */
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

  drawCursor(context, view, height) {
    if (view.gpa === null || this.axis.isEmpty) return;
    if (view.gpa < this.axis.from || view.gpa >= this.axis.to) return;
    context.fillStyle = getComputedStyle(this.canvas).color;
    context.fillRect(this.axis.positionOf(view.gpa) - 1, 0, 2, height);
  }

  describe(at, where) {
    if (this.axis.isEmpty) return `No memslot is known at ${formatTime(at)}.`;
    const bytes = this.axis.bands.reduce((sum, band) => sum + band.to - band.from, 0);
    const range = `${formatAddress(this.axis.from)} to ${formatAddress(this.axis.to)}`;
    const size = `${formatSize(bytes)}, ${formatCount(bytes / PAGE_SIZE)} pages`;
    return `State ${where}, ${formatTime(at)}: ${range} (${size})`;
  }
}

/** The picture's one column as a row: lowest address first. */
function laidOnItsSide(picture) {
  const column = document.createElement("canvas");
  [column.width, column.height] = [1, picture.height];
  const source = column.getContext("2d");
  source.drawImage(picture, 0, 0);
  const pixels = new Uint32Array(source.getImageData(0, 0, 1, picture.height).data.buffer);
  const row = document.createElement("canvas");
  [row.width, row.height] = [picture.height, 1];
  const turned = new ImageData(new Uint8ClampedArray(pixels.reverse().buffer), picture.height, 1);
  row.getContext("2d").putImageData(turned, 0, 0);
  return row;
}
