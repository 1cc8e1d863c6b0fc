import assert from "node:assert/strict";
import { test } from "node:test";

import {
  formatCount,
  formatRate,
  formatShare,
  formatSize,
  niceStep,
} from "../../static/js/shared/units.js";

test("counts have thin spaces", () => {
  assert.deepEqual([0, 999, 434176].map(formatCount), ["0", "999", "434\u2009176"]);
});

test("sizes have one decimal, except of bytes, and never read 1024.0", () => {
  const sizes = [0, 4096, 4089446, 2 ** 20 - 1, 2 ** 40];
  assert.deepEqual(sizes.map(formatSize), ["0 B", "4.0 KiB", "3.9 MiB", "1.0 MiB", "1.0 TiB"]);
});

test("nearly none and nearly all are not rounded to none and all", () => {
  const shares = [0, 1e-9, 0.5, 1 - 1e-9, 1];
  assert.deepEqual(shares.map(formatShare), ["0 %", "< 0.1 %", "50 %", "> 99.9 %", "100 %"]);
});

test("rates of an axis are short and have no sign", () => {
  assert.deepEqual([0, -12345, 999, 2.5e6].map(formatRate), ["0", "12.3k", "999", "2.5M"]);
});

test("steps are 1, 2 or 5 times a power of ten and cut a span into few enough parts", () => {
  for (const span of [1, 7, 60, 999, 1e9]) {
    for (const count of [1, 4, 9]) {
      const step = niceStep(span, count);
      assert.ok(span / step <= count + 1e-9, `${span} in ${count}`);
      assert.match(step.toExponential(), /^[125]e/);
    }
  }
});
