/** What takes the server a while to count: asked for when the page is there, and put into it. */

import { byId } from "../shared/dom.js";

const place = byId("deferred");
const waited = byId("waited");
const since = performance.now();

const ticking = setInterval(() => {
  waited.textContent = `${Math.round((performance.now() - since) / 1000)} s so far.`;
}, 1000);

try {
  const answer = await fetch(place.dataset.url ?? "");
  const text = await answer.text();
  if (answer.ok) place.innerHTML = text;
  else tell(`The server could not count it (${answer.status}).`);
} catch {
  tell("The server does not answer. Reload to try again.");
} finally {
  clearInterval(ticking);
}

/** @param {string} words */
function tell(words) {
  const line = Object.assign(document.createElement("p"), {
    className: "failed",
    textContent: words,
  });
  line.setAttribute("role", "alert");
  place.replaceChildren(line);
}
