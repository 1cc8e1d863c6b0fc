/** Which events are meant: values by name, kept in the URL, applied by the server. */

import { EVENT_KINDS } from "./event_kinds.js";

/**
 * Values by the name of what they filter.
 * @typedef {Record<string, string[]>} EventFilters
 */

/**
 * What respects with a few values can be; the server knows the same (app/queries/events/_filters.py).
 * @type {Record<string, string[]>}
 */
export const CHOICES = {
  kind: Object.keys(EVENT_KINDS),
  outcome: ["applied", "failed", "unconfirmed"],
  direction: ["shared", "private", "unknown"],
  cause: ["none", "explicit", "implicit", "vmm"],
  size: ["4k", "2m", "below_2m", "above_2m", "unaligned_2m", "unknown"],
};

/**
 * How values of the others are written, and the hint where they are not.
 * @type {Record<string, [RegExp, string]>}
 */
export const WRITTEN = {
  vcpu: [/^(\d{1,5}|unknown)$/, "A vCPU's number, or several: 3, 5. Or: unknown."],
  tid: [/^\d{1,10}$/, "The id of a host thread, or several: 4242, 4243."],
  errno: [/^(\d{1,4}|E[A-Z0-9]{1,15})$/i, "An errno by name or number, or several: EAGAIN, 22."],
  memslot: [/^(\d{1,5}:)?\d{1,5}$/, "A memslot's id."],
};
export const NAMES = [...Object.keys(CHOICES), ...Object.keys(WRITTEN)];

/** @type {Record<string, string>} */
const SIZES = {
  "4k": "4 KiB",
  "2m": "2 MiB",
  below_2m: "less than 2 MiB",
  above_2m: "more than 2 MiB",
  unaligned_2m: "2 MiB, not aligned",
  unknown: "range not recorded",
};
/** @type {Record<string, (value: string) => string>} */
const WORDS = {
  direction: (value) => (value === "unknown" ? "direction unknown" : `to ${value}`),
  cause: (value) => (value === "none" ? "cause not recorded" : value),
  size: (value) => SIZES[value],
  vcpu: (value) => `vCPU ${value}`,
  tid: (value) => `thread ${value}`,
  memslot: (value) => `memslot ${value}`,
  kind: (value) => value.replaceAll("_", " "),
};

/**
 * @param {string} name one of NAMES
 * @param {string} text
 */
export const isValue = (name, text) =>
  name in CHOICES ? CHOICES[name].includes(text) : WRITTEN[name][0].test(text);

/**
 * @param {string} name
 * @param {string[]} values
 */
export const wordsOf = (name, values) => values.map(WORDS[name] ?? String).join(" or ");

/**
 * The filters that a URL holds; what makes no sense is left out.
 * @param {URLSearchParams} query
 * @returns {EventFilters}
 */
export function readFilters(query) {
  /** @type {EventFilters} */
  const filters = {};
  for (const name of NAMES) {
    const values = [...new Set(query.getAll(name))].filter((text) => isValue(name, text));
    if (values.length > 0) filters[name] = values;
  }
  return filters;
}

/**
 * @param {URLSearchParams} query
 * @param {EventFilters} filters
 */
export function putFilters(query, filters) {
  for (const [name, values] of Object.entries(filters)) {
    for (const value of values) query.append(name, value);
  }
}

/**
 * "to private, vCPU 3 or vCPU 5"; empty where nothing is filtered.
 * @param {EventFilters} filters
 */
export function describeFilters(filters) {
  return Object.entries(filters)
    .map(([name, values]) => wordsOf(name, values))
    .join(", ");
}
