/** Which events are meant: values by name, kept in the URL, applied by the server. */

import { CHOICES } from "./event_kinds.js";

/**
 * Values by the name of what they filter.
 * @typedef {Record<string, string[]>} EventFilters
 */

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

/** @type {Record<string, (value: string) => string>} */
const WORDS = {
  vcpu: (value) => `vCPU ${value}`,
  tid: (value) => `thread ${value}`,
  memslot: (value) => `memslot ${value}`,
};

/**
 * @param {string} name one of NAMES
 * @param {string} text
 */
export const isValue = (name, text) =>
  name in CHOICES ? Object.hasOwn(CHOICES[name], text) : WRITTEN[name][0].test(text);

/**
 * @param {string} name
 * @param {string[]} values
 */
export const wordsOf = (name, values) =>
  values.map((value) => CHOICES[name]?.[value] ?? WORDS[name]?.(value) ?? value).join(" or ");

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
