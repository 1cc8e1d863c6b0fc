/** The first page: its hosts are read again by htmx; here are their ages and commands to copy. */

import { byId, closest } from "../shared/dom.js";
import { shareStream } from "../news/news_stream.js";
import { formatDuration } from "../shared/time.js";
import { showLost, sinceRead, watchFragments } from "./fragments.js";

const AGE_MS = 500;
/** Longer than a collector that is alive is ever silent. */
const STALE_MS = 3000;
/** A collector that keeps up is behind what happens by less than a second. */
const LATE_MS = 5000;

const hosts = byId("hosts");

/**
 * Show of each recording how long its collector has been silent, or how far it is behind, once
 * that is unusual.
 */
function showAges() {
  /** @type {NodeListOf<HTMLElement>} */
  const ages = hosts.querySelectorAll("[data-silent-ms]");
  for (const element of ages) {
    const silence = Number(element.dataset.silentMs) + sinceRead();
    const behind = Number(element.dataset.behindMs);
    const age = [];
    if (silence >= STALE_MS) age.push(`last data ${inSeconds(silence)} ago`);
    if (behind - Number(element.dataset.silentMs) >= LATE_MS) {
      age.push(`${inSeconds(behind)} behind`);
    }
    element.textContent = age.join(", ");
  }
}

/** @param {number} ms */
function inSeconds(ms) {
  return formatDuration(Math.round(ms / 1000) * 1e9);
}

/** @param {HTMLElement} button */
async function copy(button) {
  // Browsers offer the clipboard on loopback and by HTTPS only; elsewhere the text is selected.
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(button.dataset.copy ?? "");
    button.textContent = "copied";
  } else if (button.previousElementSibling) {
    window.getSelection()?.selectAllChildren(button.previousElementSibling);
  }
}

document.addEventListener("click", (event) => {
  const button = closest(event, "button[data-copy]");
  if (button) copy(button);
});

shareStream();
watchFragments(showAges);
document.addEventListener("lost", showLost);
setInterval(showAges, AGE_MS);
