import assert from "node:assert/strict";
import { test } from "node:test";

import { hatchPixels, pixelOf } from "../../static/js/charts/hatch.js";

const [GROUND, STRIPE, OTHER] = [1, 2, 3];

test("a colour becomes a little-endian RGBA pixel", () => {
  assert.equal(pixelOf("rgb(138, 144, 155)"), 0xff9b908a);
});

test("unknown pixels form stripes at 45 degrees, others stay", () => {
  const width = 12;
  const pixels = new Uint32Array(width * width).fill(GROUND);
  pixels[5] = OTHER;
  hatchPixels(pixels, width, GROUND, STRIPE);
  assert.equal(pixels[5], OTHER);
  for (let y = 1; y < width; y += 1) {
    for (let x = 1; x < width; x += 1) {
      const [here, before] = [pixels[y * width + x], pixels[(y - 1) * width + x - 1]];
      if (before !== OTHER) assert.equal(here, before, `at ${x}, ${y}`);
    }
  }
  const stripes = pixels.filter((pixel) => pixel === STRIPE).length;
  assert.ok(stripes > pixels.length / 4 && stripes < pixels.length / 2);
});

test("what was hatched in another phase is hatched anew", () => {
  const [once, twice] = [new Uint32Array(36).fill(GROUND), new Uint32Array(36).fill(STRIPE)];
  for (const pixels of [once, twice]) hatchPixels(pixels, 6, GROUND, STRIPE);
  assert.deepEqual(once, twice);
});
