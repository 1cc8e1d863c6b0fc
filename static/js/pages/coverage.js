/** The coverage of a recording: its counters and losses, read again while it is being made. */

import { byId } from "../shared/dom.js";
import { formatDuration } from "../shared/time.js";

/** As often as a collector counts. */
const READ_MS = 2000;
const AGE_MS = 500;
/** Longer than a collector that is alive is ever silent. */
const STALE_MS = 3000;

const now = byId("now");
const banner = byId("banner");
let readAt = Date.now();
let isReading = false;

const isLive = () => byId("state").dataset.live === "yes";

async function read() {
  if (document.hidden || isReading || !isLive()) return;
  isReading = true;
  await htmx.ajax("GET", now.dataset.url ?? "", { target: "#now", swap: "innerMorph" });
  isReading = false;
}

document.addEventListener("htmx:after:swap", () => {
  readAt = Date.now();
  banner.hidden = true;
  showAge();
  // It has ended: the rest of the page, badges above all, says so only when it is read anew.
  if (!isLive()) window.location.reload();
});
// A request that fails does not reject: htmx tells so by events.
document.addEventListener("htmx:error", showLost);
document.addEventListener("htmx:response:error", showLost);

function showLost() {
  banner.hidden = false;
  const time = new Date(readAt).toTimeString().slice(0, 8);
  banner.textContent = `The server does not answer. What is shown was read at ${time}. Trying again.`;
}

/** Say how long the collector has been silent, once that is unusual. */
function showAge() {
  const age = document.getElementById("age");
  if (!age) return;
  const silence = Number(age.dataset.silentMs) + Date.now() - readAt;
  const isStale = silence >= STALE_MS;
  age.classList.toggle("stale", isStale);
  const seconds = Math.round(silence / 1000);
  age.textContent = isStale ? `Last data ${formatDuration(seconds * 1e9)} ago.` : "Last data now.";
}

setInterval(read, READ_MS);
setInterval(showAge, AGE_MS);
document.addEventListener("visibilitychange", read);
