/**
 * The hatching of unknown. The server hatches its pictures; one that is enlarged or turned is hatched
 * anew here, for a stretched hatch is none.
 */

import { colour } from "./plot.js";

const PERIOD = 6;
const WIDTH = 2;

/**
 * Hatch every pixel in one of the two colours of unknown, so that they form one pattern.
 * @param {CanvasRenderingContext2D} context
 * @param {number} width
 * @param {number} height
 */
export function hatchUnknown(context, width, height) {
  const image = context.getImageData(0, 0, width, height);
  const pixels = new Uint32Array(image.data.buffer);
  hatchPixels(pixels, width, pixelOf(colour("unknown")), pixelOf(colour("unknown-stripe")));
  context.putImageData(image, 0, 0);
}

/**
 * @param {Uint32Array} pixels of an image, row by row
 * @param {number} width of a row
 * @param {number} ground
 * @param {number} stripe
 */
export function hatchPixels(pixels, width, ground, stripe) {
  for (let y = 0, i = 0; i < pixels.length; y += 1) {
    for (let x = 0; x < width; x += 1, i += 1) {
      if (pixels[i] !== ground && pixels[i] !== stripe) continue;
      pixels[i] = (x + PERIOD * y - y) % PERIOD < WIDTH ? stripe : ground;
    }
  }
}

/**
 * A resolved colour, "rgb(138, 144, 155)", as canvas memory holds it: little-endian RGBA.
 * @param {string} rgb
 */
export function pixelOf(rgb) {
  const [red, green, blue] = (rgb.match(/\d+/g) ?? []).map(Number);
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
