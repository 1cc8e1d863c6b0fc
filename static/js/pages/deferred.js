/** What takes the server a while to count: htmx puts it into the page; here is how long that takes. */

import { byId, made } from "../shared/dom.js";

const place = byId("deferred");
const waited = byId("waited");
const since = performance.now();

const ticking = setInterval(() => {
  waited.textContent = `${Math.round((performance.now() - since) / 1000)} s so far.`;
}, 1000);

place.addEventListener("htmx:finally:request", () => clearInterval(ticking));
place.addEventListener("htmx:response:error", (event) => {
  const { ctx } = /** @type {CustomEvent<Htmx.Detail>} */ (event).detail;
  showFailure(`The server could not count it (${ctx.response?.status}).`);
});
place.addEventListener("htmx:error", () =>
  showFailure("The server does not answer. Reload to try again."),
);

/** @param {string} words */
function showFailure(words) {
  const line = made("p", words, "failed");
  line.setAttribute("role", "alert");
  place.replaceChildren(line);
}
