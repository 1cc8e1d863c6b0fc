/** Since when a page has been in its state, and who put it there: read from its own events. */

/** @typedef {import("../../shared/rest_types.d.ts").Event} Event */

import { PAGE_SIZE, toHex } from "../../shared/gpa.js";

const MOST_EVENTS = 2000;
const KINDS = ["conversion", "state_read", "doubt", "loss_begin", "loss_end", "expired"];

/**
 * Ask for everything that may have changed the state of a page up to an instant.
 * @param {import("../../shared/resources.js").VmResource} vm
 * @param {number} page
 * @param {number} t
 * @param {AbortSignal} signal
 */
export async function loadHistory(vm, page, t, signal) {
  const range = { gpa_from: toHex(page), gpa_to: toHex(page + PAGE_SIZE) };
  const parameters = { to: t + 1, ...range, limit: MOST_EVENTS, kind: KINDS };
  return vm.get("events", parameters, signal);
}

/**
 * The last change of state that these events made.
 * @param {{items: Event[], next: string | null}} events
 * @param {string} state that the page is in
 * @returns {{conversions: number, isComplete: boolean, since: Event | null}} `since` is the change
 */
export function summarise({ items, next }, state) {
  /** @type {string | null} */
  let current = null;
  /** @type {Event | null} */
  let since = null;
  for (const event of items) {
    const becomes = stateAfter(event, current);
    if (becomes === null || becomes === current) continue;
    current = becomes;
    since = event;
  }
  const isComplete = next === null;
  const conversions = items.filter((event) => event.kind === "conversion").length;
  return { conversions, isComplete, since: isComplete && current === state ? since : null };
}

/**
 * The state that an event left the page in; null where it changed nothing.
 * @param {Event} event
 * @param {string | null} before
 * @returns {string | null}
 */
function stateAfter({ kind, outcome, to, range_certainty }, before) {
  if (kind === "state_read") return to;
  if (kind === "doubt") return to === before && range_certainty !== "unknown" ? null : "unknown";
  if (kind !== "conversion") return "unknown";
  if (outcome === "failed") return null;
  return outcome === "unconfirmed" || range_certainty === "unknown" ? "unknown" : to;
}
