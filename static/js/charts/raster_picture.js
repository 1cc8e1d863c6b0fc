/** A map from the server: its exact edges and its picture, asked for at once and cut into bands. */

import { contextOf } from "./canvas.js";
import { hatchUnknown } from "./hatch.js";
import { fetchImage } from "../shared/rest.js";

/** Cells larger than this many pixels are hatched anew. */
const LARGE_CELL = 1.5;

/**
 * @typedef {import("../shared/resources.js").VmResource} VmResource
 * @typedef {import("../shared/rest_types.d.ts").RasterOut} Raster
 */

/**
 * @param {VmResource} vm
 * @param {import("../shared/rest.js").Parameters} parameters
 * @param {AbortSignal} signal
 * @returns {Promise<{raster: Raster, picture: ImageBitmap | null}>} null: the map has no rows
 */
export async function loadPicture(vm, parameters, signal) {
  const theme = document.documentElement.dataset.theme;
  const query = { ...parameters, theme };
  const [raster, image] = await Promise.all([
    vm.get("raster", query, signal),
    fetchImage(vm.url("raster.png", query), signal),
  ]);
  if (raster.image === null) return { raster, picture: null };
  // A commit between the two answers may have changed what there is to draw.
  const isSame = image.tag === raster.tag;
  return { raster, picture: (isSame ? image : await fetchImage(raster.image, signal)).bitmap };
}

/**
 * One band of the picture, as Plotly places it: a data URL.
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
