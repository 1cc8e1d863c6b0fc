/** The coverage of a recording: htmx reads its counters again while it is being made. */

import { formatDuration } from "../shared/time.js";
import { sinceRead, watchFragments } from "./fragments.js";

const AGE_MS = 500;
/** Longer than a collector that is alive is ever silent. */
const STALE_MS = 3000;

/** Show how long the collector has been silent, once that is unusual. */
function showAge() {
  const age = document.getElementById("age");
  if (!age) return;
  const silence = Number(age.dataset.silentMs) + sinceRead();
  const isStale = silence >= STALE_MS;
  age.classList.toggle("stale", isStale);
  const seconds = Math.round(silence / 1000);
  age.textContent = isStale ? `Last data ${formatDuration(seconds * 1e9)} ago.` : "Last data now.";
}

watchFragments(showAge);
setInterval(showAge, AGE_MS);
