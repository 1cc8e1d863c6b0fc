/**
 * The hatching of unknown. The server hatches its pictures; one that is enlarged or turned is hatched
 * anew here, for a stretched hatch is none.
 */

import { colour } from "./plot.js";

const PERIOD = 6;
const WIDTH = 2;

/** Hatch every pixel in one of the two colours of unknown, so that they form one pattern. */
export function hatchUnknown(context, width, height) {
  const image = context.getImageData(0, 0, width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const [ground, stripe] = [pixelOf("unknown"), pixelOf("unknown-stripe")];
  for (let y = 0, i = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, i += 1) {
      if (pixels[i] !== ground && pixels[i] !== stripe) continue;
      pixels[i] = (x + PERIOD * y - y) % PERIOD < WIDTH ? stripe : ground;
    }
  }
  context.putImageData(image, 0, 0);
}

/** A colour of the style sheet as canvas memory holds it: little-endian RGBA. */
function pixelOf(name) {
  const [red, green, blue] = colour(name).match(/\d+/g).map(Number);
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
