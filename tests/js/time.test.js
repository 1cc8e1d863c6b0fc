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

const recorded = (
  /** @type {Partial<import("../../static/js/shared/time.js").Clocked>} */ clocks,
) => ({
  clock: "mono",
  clock_start_ns: "0",
  wall_start_ns: null,
  chapters: [],
  ...clocks,
});

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
  const recording = recorded({ clock_start_ns: "18446744073709551000" });
  assert.equal(clockAt(recording, 615), "18446744073709551615");
});

test("ticks are round and have no more decimals than they need", () => {
  const seconds = [0, 10, 20, 30, 40, 50, 60].map((second) => `${second} s`);
  assert.deepEqual(timeTicks(0, 60e9, 6).labels, seconds);
});

test("a recording without a wall clock has no wall time", () => {
  assert.equal(wallTimeAt(recorded({}), 5), null);
  const recording = recorded({ wall_start_ns: "1700000000000000000" });
  assert.equal(wallTimeAt(recording, 5e8), "2023-11-14 22:13:20.500 UTC");
});

test("for the times of a run of the recorder its own clocks hold", () => {
  const chapters = [
    { from: 0, clock_start_ns: "5000", wall_start_ns: "1700000000000000000" },
    { from: 90e9, clock_start_ns: "30", wall_start_ns: "1700000100000000000" },
  ];
  const recording = recorded({ chapters, clock_start_ns: "5000" });
  assert.deepEqual(
    [0, 90e9 - 1, 90e9, 91e9].map((t) => clockAt(recording, t)),
    ["5000", "90000004999", "30", "1000000030"],
  );
  assert.equal(wallTimeAt(recording, 89e9), "2023-11-14 22:14:49.000 UTC");
  assert.equal(wallTimeAt(recording, 90e9), "2023-11-14 22:15:00.000 UTC");
});

test("times of a recording without times are its lines", () => {
  setClock("line number");
  assert.deepEqual([formatTime(0), formatTime(4711000)], ["line 0", "line 4\u2009711"]);
  const lengths = [1000, 2500, 4711000].map(formatDuration);
  assert.deepEqual(lengths, ["1 line", "2.5 lines", "4\u2009711 lines"]);
  assert.deepEqual(timeTicks(0, 3000, 9).labels, ["line 0", "line 1", "line 2", "line 3"]);
  assert.equal(formatPerTime(1e6), "1k/1k lines");
  const recording = recorded({ clock: "line number" });
  assert.equal(clockText(recording, 5000), "line 5: this recording has no times");
});
