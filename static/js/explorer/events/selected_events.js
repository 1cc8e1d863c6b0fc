/** Which events the table shows: those near the cursor where there is one, else those in view. */

import { PAGE_SIZE, ceilPage, floorPage, toHex } from "../../shared/gpa.js";

/** How far from the cursor, in pixels of the map, an event still counts as under it. */
const REACH = 4;

/**
 * @param {View} view
 * @param {{width: number, height: number}} size of the map, pixels
 * @returns {{filter: object, isUnderCursor: boolean}} parameters of the events resource
 */
export function selectedEvents(view, size) {
  if (!view.isCursorInView) {
    return { filter: { ...view.time, ...shownAddresses(view) }, isUnderCursor: false };
  }
  const reach = Math.max(1, Math.ceil((view.length / size.width) * REACH));
  const near = { from: Math.max(view.span[0], view.t - reach), to: view.t + reach };
  const at = placesMeant(view, size, view.gpa);
  return { filter: { ...near, ...at }, isUnderCursor: true };
}

/** The addresses at a place, as far as an event there still counts, or without one those shown. */
export function placesMeant(view, { height }, gpa) {
  return gpa === null
    ? shownAddresses(view)
    : addressesNear({ gpa, positions: view.positions }, height);
}

/** No limits while all addresses are shown: events without a range belong there too. */
function shownAddresses(view) {
  if (view.gpaFrom === null && view.gpaTo === null) return {};
  const { from, to } = view.addresses;
  return { gpa_from: toHex(from), gpa_to: toHex(to) };
}

function addressesNear({ gpa, positions }, height) {
  const reach = ((positions[1] - positions[0]) / height) * REACH;
  const from = Math.max(0, floorPage(gpa - reach));
  return { gpa_from: toHex(from), gpa_to: toHex(ceilPage(gpa + Math.max(reach, PAGE_SIZE))) };
}
