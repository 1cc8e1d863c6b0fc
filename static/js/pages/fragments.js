/** Parts of a page that htmx reads again: when that was last, and that the server does not answer. */

import { byId } from "../shared/dom.js";
import { STREAM } from "../news/news_stream.js";

const banner = byId("banner");
let readAt = Date.now();

/** How long ago what is shown was read, ms. */
export const sinceRead = () => Date.now() - readAt;

/**
 * Listen for what becomes of htmx's requests; while nobody can see the page there are none.
 * @param {() => void} swapped what was read is in the page
 */
export function watchFragments(swapped) {
  document.addEventListener("htmx:before:request", (event) => {
    const { ctx } = /** @type {CustomEvent<Htmx.Detail>} */ (event).detail;
    if (document.hidden && ctx.request.action !== STREAM) event.preventDefault();
  });
  document.addEventListener("htmx:after:swap", () => {
    readAt = Date.now();
    banner.hidden = true;
    swapped();
  });
  // A request that fails does not reject: htmx reports that by events.
  document.addEventListener("htmx:error", showLost);
  document.addEventListener("htmx:response:error", showLost);
}

export function showLost() {
  banner.hidden = false;
  const time = new Date(readAt).toTimeString().slice(0, 8);
  banner.textContent = `The server does not answer. What is shown was read at ${time}. Trying again.`;
}
