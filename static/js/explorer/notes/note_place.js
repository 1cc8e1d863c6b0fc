/** What a note is about, in words and as a view. */

/**
 * @typedef {import("../../view/view.js").View} View
 * What a note is about: a stretch of time, or an instant (to: null), at some addresses or at all.
 * @typedef {{from: number, to: number | null, gpa_from: string | null, gpa_to: string | null}} About
 */

import { queryOf } from "../../view/view_url.js";
import { formatAddress, parseAddress } from "../../shared/gpa.js";
import { formatTime } from "../../shared/time.js";

/**
 * The query string that shows what a note is about: its stretch, or its instant in a window.
 * @param {View} view
 * @param {About} note
 */
export function searchFor(view, note) {
  const query = queryOf(view);
  for (const name of ["live", "t", "gpa", "event"]) query.delete(name);
  if (note.to !== null) putWindow(query, note.from, note.to);
  else {
    query.set("t", String(note.from));
    const { from, to } = view.time;
    const half = view.length / 2;
    const isIn = note.from >= from && note.from < to;
    if (view.from !== null || view.to !== null) {
      putWindow(query, isIn ? from : Math.max(0, note.from - half), isIn ? to : note.from + half);
    }
  }
  putAddresses(query, note);
  return `?${query}`;
}

/**
 * @param {URLSearchParams} query
 * @param {number} from
 * @param {number} to
 */
function putWindow(query, from, to) {
  query.set("from", String(Math.floor(from)));
  query.set("to", String(Math.ceil(to)));
}

/**
 * A stretch is shown with exactly its addresses; an instant with all, and the cursor on its own.
 * @param {URLSearchParams} query
 * @param {About} note
 */
function putAddresses(query, note) {
  query.delete("gpa_from");
  query.delete("gpa_to");
  if (note.gpa_from === null || note.gpa_to === null) return;
  if (note.to === null) query.set("gpa", note.gpa_from);
  else {
    query.set("gpa_from", note.gpa_from);
    query.set("gpa_to", note.gpa_to);
  }
}

/**
 * "t+1.5 s to t+2 s, 0x1_0000_0000 to 0x1_0020_0000"
 * @param {About} note
 */
export function placeText({ from, to, gpa_from, gpa_to }) {
  const time = to === null ? formatTime(from) : `${formatTime(from)} to ${formatTime(to)}`;
  if (gpa_from === null || gpa_to === null) return time;
  const [low, high] = [gpa_from, gpa_to].map((gpa) => formatAddress(parseAddress(gpa)));
  return `${time}, ${low} to ${high}`;
}
