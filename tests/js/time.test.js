import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import {
  clockAt,
  clockText,
  formatDuration,
  formatPerTime,
  formatTime,
  setClock,
  timeTicks,
  wallTimeAt,
} from "../../static/js/shared/time.js";

afterEach(() => setClock("mono"));

test("times are seconds, grouped by three from the point", () => {
  const times = [0, 12345678000, 12345678901].map((t) => formatTime(t));
  const thin = "\u2009";
  assert.deepEqual(times, [
    `t+0.000${thin}000 s`,
    `t+12.345${thin}678 s`,
    `t+12.345${thin}678${thin}901 s`,
  ]);
});

test("durations have three digits", () => {
  const durations = [7, 41234, 999999, 2650000000].map(formatDuration);
  assert.deepEqual(durations, ["7 ns", "41.2 µs", "1 ms", "2.65 s"]);
});

test("the trace's own clock is exact beyond 2^53", () => {
  assert.equal(clockAt("18446744073709551000", 615), "18446744073709551615");
});

test("ticks are round and have no more decimals than they need", () => {
  const seconds = [0, 10, 20, 30, 40, 50, 60].map((second) => `${second} s`);
  assert.deepEqual(timeTicks(0, 60e9, 6).labels, seconds);
});

test("a recording without a wall clock has no wall time", () => {
  assert.equal(wallTimeAt(null, 5), null);
  assert.equal(wallTimeAt("1700000000000000000", 5e8), "2023-11-14 22:13:20.500 UTC");
});

test("times of a recording without times are its lines", () => {
  setClock("line number");
  assert.deepEqual([formatTime(0), formatTime(4711000)], ["line 0", "line 4\u2009711"]);
  const lengths = [1000, 2500, 4711000].map(formatDuration);
  assert.deepEqual(lengths, ["1 line", "2.5 lines", "4\u2009711 lines"]);
  assert.deepEqual(timeTicks(0, 3000, 9).labels, ["line 0", "line 1", "line 2", "line 3"]);
  assert.equal(formatPerTime(1e6), "1k/1k lines");
  const recording = { clock: "line number", clock_start_ns: "0" };
  assert.equal(clockText(recording, 5000), "line 5: this recording has no times");
});
