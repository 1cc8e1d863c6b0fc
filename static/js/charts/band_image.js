/** One band of the map's picture, as Plotly places it: a data URL. */

import { contextOf } from "./canvas.js";
import { hatchUnknown } from "./hatch.js";

/** Cells larger than this many pixels are hatched anew. */
const LARGE_CELL = 1.5;

/**
 * @param {import("../shared/gpa.js").RowBand} band start and end in pixels
 * @param {ImageBitmap} picture the whole map, highest address in the top row
 * @param {number} columnWidth pixels on screen
 */
export function bandImage(band, picture, columnWidth) {
  const rows = band.rowTo - band.rowFrom;
  const rowHeight = (band.end - band.start) / rows;
  const isEnlarged = rowHeight > LARGE_CELL || columnWidth > LARGE_CELL;
  const canvas = document.createElement("canvas");
  canvas.width = isEnlarged ? Math.round(picture.width * columnWidth) : picture.width;
  canvas.height = isEnlarged ? Math.max(1, Math.round(band.end - band.start)) : rows;
  const context = contextOf(canvas, { willReadFrequently: isEnlarged });
  context.imageSmoothingEnabled = false;
  const top = picture.height - band.rowTo;
  context.drawImage(picture, 0, top, picture.width, rows, 0, 0, canvas.width, canvas.height);
  if (isEnlarged) hatchUnknown(context, canvas.width, canvas.height);
  return canvas.toDataURL("image/png");
}
