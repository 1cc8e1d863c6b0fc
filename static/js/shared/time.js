/**
 * Times are whole nanoseconds since the recording's start; they stay below 2^53 (104 days), so a
 * JavaScript number holds them exactly. The trace's own clock may not: it comes as a string.
 */

import { formatCount, formatRate, niceStep } from "./units.js";

const NS_PER_S = 1e9;
const THIN_SPACE = "\u2009";
export const NS_PER_LINE = 1000;
/** A clock that is none: the recording has no times, and its lines are counted. */
const LINE_NUMBERS = "line number";

let countsLines = false;

/**
 * From now on times are those of a recording with this clock.
 * @param {string} name
 */
export function setClock(name) {
  countsLines = name === LINE_NUMBERS;
}

/**
 * 12345678000 -> "t+12.345 678 s"; nanoseconds when there are any, unless decimals are given.
 * @param {number} ns
 * @param {number} [decimals]
 */
export function formatTime(ns, decimals = ns % 1000 === 0 ? 6 : 9) {
  if (countsLines) return `line ${formatCount(Math.floor(ns / NS_PER_LINE))}`;
  return `t+${formatSeconds(ns, decimals)} s`;
}

/**
 * Seconds with a fixed number of decimals, grouped by three from the point.
 * @param {number} ns
 * @param {number} decimals
 */
function formatSeconds(ns, decimals) {
  const sign = ns < 0 ? "-" : "";
  const whole = Math.floor(Math.abs(ns) / NS_PER_S);
  const fraction = String(Math.round(Math.abs(ns) % NS_PER_S))
    .padStart(9, "0")
    .slice(0, decimals);
  const groups = fraction.match(/\d{1,3}/g);
  const point = groups ? `.${groups.join(THIN_SPACE)}` : "";
  return sign + String(whole).replace(/\B(?=(\d{3})+(?!\d))/g, THIN_SPACE) + point;
}

/**
 * 41234 -> "41.2 µs": a duration to three digits.
 * @param {number} ns
 */
export function formatDuration(ns) {
  if (countsLines) return formatLines(ns / NS_PER_LINE);
  if (ns < 1000) return `${Number(ns.toPrecision(3))} ns`;
  for (const [unit, size] of Object.entries({ µs: 1e3, ms: 1e6 })) {
    if (ns < size * 999.5) return `${Number((ns / size).toPrecision(3))} ${unit}`;
  }
  const seconds = ns / NS_PER_S;
  return seconds < 999.5 ? `${Number(seconds.toPrecision(3))} s` : `${Math.round(seconds)} s`;
}

/** @param {number} count */
function formatLines(count) {
  if (count < 99.5) return `${Number(count.toPrecision(3))} ${count === 1 ? "line" : "lines"}`;
  return `${formatCount(count)} lines`;
}

/**
 * 12345 -> "12.3k/s": a rate, for the labels of an axis.
 * @param {number} perSecond
 */
export function formatPerTime(perSecond) {
  if (!countsLines) return `${formatRate(perSecond)}/s`;
  return `${formatRate((perSecond / NS_PER_S) * NS_PER_LINE * 1000)}/1k lines`;
}

/**
 * What of a recording tells its clocks.
 * @typedef {{clock: string, clock_start_ns: string, wall_start_ns: string | null,
 *   chapters: {from: number, clock_start_ns: string, wall_start_ns: string | null}[]}} Clocked
 */

/**
 * The run of the recorder whose clocks hold at a time: one that was not recorded is that before.
 * @param {Clocked} recording
 * @param {number} ns
 */
function clocksAt(recording, ns) {
  const { chapters, clock_start_ns, wall_start_ns } = recording;
  const run = chapters.findLast(({ from }) => from <= ns) ?? chapters[0];
  return run ?? { from: 0, clock_start_ns, wall_start_ns };
}

/**
 * The trace's own clock at a time: exact, by BigInt.
 * @param {Clocked} recording
 * @param {number} ns
 */
export function clockAt(recording, ns) {
  const { from, clock_start_ns } = clocksAt(recording, ns);
  return (BigInt(clock_start_ns) + BigInt(Math.round(ns) - from)).toString();
}

/**
 * The same, with the clock's name.
 * @param {Clocked} recording
 * @param {number} ns
 * @param {string} [exact]
 */
export function clockText(recording, ns, exact = clockAt(recording, ns)) {
  return recording.clock === LINE_NUMBERS
    ? `${formatTime(ns)}: this recording has no times`
    : `${recording.clock} ${exact} ns`;
}

/**
 * Wall-clock text of a time, or null where the recording does not know it.
 * @param {Clocked} recording
 * @param {number} ns
 */
export function wallTimeAt(recording, ns) {
  const { from, wall_start_ns } = clocksAt(recording, ns);
  if (wall_start_ns === null) return null;
  const ms = Number((BigInt(wall_start_ns) + BigInt(Math.round(ns) - from)) / 1000000n);
  return new Date(ms).toISOString().replace("T", " ").replace("Z", " UTC");
}

/**
 * Tick positions (ns) and labels for a time axis of `count` labels at most.
 * @param {number} from
 * @param {number} to
 * @param {number} count
 */
export function timeTicks(from, to, count) {
  const step = Math.max(countsLines ? NS_PER_LINE : 1, niceStep(to - from, count));
  const decimals = Math.min(9, Math.max(0, Math.ceil(-Math.log10(step / NS_PER_S) - 1e-9)));
  const values = [];
  for (let i = Math.ceil(from / step); i * step <= to; i += 1) values.push(i * step);
  const label = (/** @type {number} */ ns) =>
    countsLines ? formatTime(ns) : `${formatSeconds(ns, decimals)} s`;
  return { values, labels: values.map((ns) => label(ns)) };
}
