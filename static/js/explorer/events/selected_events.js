/** Which events the table shows: those near the cursor where there is one, else those in view. */

import { PAGE_SIZE, ceilPage, floorPage, toHex } from "../../shared/gpa.js";

/**
 * @typedef {import("../../view/view.js").View} View
 * Of the map, pixels.
 * @typedef {{width: number, height: number}} Size
 */

/** How far from the cursor, in pixels of the map, an event still counts as under it. */
const REACH = 4;

/**
 * Events around the chosen one, under the cursor or in view: of those that the filters leave.
 * @param {View} view
 * @param {Size} size
 * @param {number | null} place where steps from event to event stay
 * @returns {import("./events_table.js").Question}
 */
export function eventsQuestion(view, size, place) {
  if (view.event !== null && view.cursorInView !== null) {
    const filter = { ...view.time, ...placesMeant(view, size, place), ...view.filters };
    return { filter, isUnderCursor: false, around: view.event };
  }
  const { t, gpa, isCursorInView: isUnderCursor } = view;
  const where =
    t === null || !isUnderCursor
      ? { ...view.time, ...shownAddresses(view) }
      : { ...timesNear(view, t, size), ...placesMeant(view, size, gpa) };
  return { filter: { ...where, ...view.filters }, isUnderCursor, around: null };
}

/**
 * The addresses at a place, as far as an event there still counts, or without one those shown.
 * @param {View} view
 * @param {Size} size
 * @param {number | null} gpa
 */
export function placesMeant(view, { height }, gpa) {
  return gpa === null ? shownAddresses(view) : addressesNear(gpa, view.positions, height);
}

/**
 * No limits while all addresses are shown: events without a range belong there too.
 * @param {View} view
 */
function shownAddresses(view) {
  if (view.gpaFrom === null && view.gpaTo === null) return {};
  const { from, to } = view.addresses;
  return { gpa_from: toHex(from), gpa_to: toHex(to) };
}

/**
 * @param {View} view
 * @param {number} t
 * @param {Size} size
 */
function timesNear({ length, span }, t, { width }) {
  const reach = Math.max(1, Math.ceil((length / width) * REACH));
  return { from: Math.max(span[0], t - reach), to: t + reach };
}

/**
 * @param {number} gpa
 * @param {[number, number]} positions
 * @param {number} height
 */
function addressesNear(gpa, positions, height) {
  const reach = ((positions[1] - positions[0]) / height) * REACH;
  const from = Math.max(0, floorPage(gpa - reach));
  return { gpa_from: toHex(from), gpa_to: toHex(ceilPage(gpa + Math.max(reach, PAGE_SIZE))) };
}
