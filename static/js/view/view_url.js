/** A view as a query string, and back. */

/** @typedef {import("./view.js").View} View */

import { putFilters, readFilters } from "../shared/event_filters.js";
import { parseAddress, toHex } from "../shared/gpa.js";
import { MEASURES } from "./view.js";

/**
 * Let a view take its values from a URL.
 * @param {View} view
 * @param {string} search
 * @param {boolean} isLive whether a plain URL follows the recording
 */
export function readUrl(view, search, isLive) {
  const query = new URLSearchParams(search);
  [view.from, view.to] = windowIn(query, "from", "to", numberIn);
  [view.gpaFrom, view.gpaTo] = windowIn(query, "gpa_from", "gpa_to", gpaIn);
  [view.t, view.gpa] = [numberIn(query, "t"), gpaIn(query, "gpa")];
  view.markers = { a: numberIn(query, "a"), b: numberIn(query, "b") };
  view.choose(numberIn(query, "event"));
  view.measure = MEASURES.find((each) => each === query.get("measure")) ?? MEASURES[0];
  view.filters = readFilters(query);
  const isWindowed = view.from !== null || view.to !== null;
  view.isFollowing = isLive && (isWindowed ? query.get("live") === "1" : true);
  view.slide();
}

/**
 * @param {URLSearchParams} query
 * @param {string} name
 */
function numberIn(query, name) {
  const text = query.get(name);
  return text && /^\d{1,16}$/.test(text) ? Number(text) : null;
}

/**
 * @param {URLSearchParams} query
 * @param {string} name
 */
function gpaIn(query, name) {
  const text = query.get(name);
  return text && /^(0x[0-9a-f]{1,13}|\d{1,16})$/i.test(text) ? parseAddress(text) : null;
}

/**
 * Both edges; none where there is nothing between them.
 * @param {URLSearchParams} query
 * @param {string} first
 * @param {string} last
 * @param {(query: URLSearchParams, name: string) => number | null} read
 */
function windowIn(query, first, last, read) {
  const [from, to] = [read(query, first), read(query, last)];
  return from !== null && to !== null && to <= from ? [null, null] : [from, to];
}

/**
 * The query string that reproduces this view.
 * @param {View} view
 */
export function searchOf(view) {
  const text = queryOf(view).toString();
  return text ? `?${text}` : "";
}

/** @param {View} view */
export function queryOf(view) {
  const query = new URLSearchParams();
  const put = (/** @type {string} */ name, /** @type {number | string | null} */ value) => {
    if (value !== null) query.set(name, String(value));
  };
  const hex = (/** @type {number | null} */ gpa) => (gpa === null ? null : toHex(gpa));
  put("from", view.from);
  put("to", view.to);
  put("gpa_from", hex(view.gpaFrom));
  put("gpa_to", hex(view.gpaTo));
  put("t", view.t);
  put("gpa", hex(view.gpa));
  put("event", view.event);
  put("a", view.markers.a);
  put("b", view.markers.b);
  if (view.measure !== MEASURES[0]) query.set("measure", view.measure);
  putFilters(query, view.filters);
  if (view.isFollowing && view.from !== null) query.set("live", "1");
  return query;
}

/**
 * The query string of just what is shown: it stays, however the recording grows.
 * @param {View} view
 */
export function pinnedSearch(view) {
  const query = queryOf(view);
  const { from, to } = view.time;
  query.delete("live");
  query.set("from", String(from));
  query.set("to", String(to));
  return `?${query}`;
}

/**
 * The query string of what is shown now, with the cursor on that event: it stays, come what may.
 * @param {View} view
 * @param {import("../shared/rest_types.d.ts").Event} event
 */
export function searchAt(view, { t_effect: t, gpa, seq }) {
  const query = queryOf(view);
  const { from, to } = view.time;
  if (view.isFollowing) {
    query.delete("live");
    query.set("from", String(Math.min(from, t)));
    query.set("to", String(Math.max(to, t + 1)));
  }
  query.set("t", String(t));
  query.set("event", String(seq));
  if (gpa === null) query.delete("gpa");
  else query.set("gpa", gpa);
  return `?${query}`;
}
