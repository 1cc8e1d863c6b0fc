/** The first page: reading its hosts again when something changed, ages, copying commands. */

import { byId, closest } from "../shared/dom.js";
import { listenForNews } from "../shared/news.js";
import { PacedTask } from "../shared/paced_task.js";
import { formatDuration } from "../shared/time.js";

const REST_MS = 400;
const AGE_MS = 500;
/** Longer than a collector that is alive is ever silent. */
const STALE_MS = 3000;
/** A collector that keeps up is behind what happens by less than a second. */
const LATE_MS = 5000;

const banner = byId("banner");
const hosts = byId("hosts");
let readAt = Date.now();

const pace = new PacedTask(readHosts, REST_MS);

async function readHosts() {
  try {
    await htmx.ajax("GET", "/home/hosts", { target: "#hosts", swap: "innerMorph" });
  } catch {
    showLost();
  }
}

document.addEventListener("htmx:after:swap", () => {
  readAt = Date.now();
  banner.hidden = true;
  showAges();
});

function showLost() {
  banner.hidden = false;
  const time = new Date(readAt).toTimeString().slice(0, 8);
  banner.textContent = `The server does not answer. What is shown was read at ${time}. Trying again.`;
}

/** Say of each recording how long its collector has been silent, or how far it is behind, once
 * that is unusual. */
function showAges() {
  /** @type {NodeListOf<HTMLElement>} */
  const said = hosts.querySelectorAll("[data-silent-ms]");
  for (const element of said) {
    const silence = Number(element.dataset.silentMs) + Date.now() - readAt;
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

setInterval(showAges, AGE_MS);
listenForNews({
  changed: ({ isOnlyTime }) => (isOnlyTime ? pace.askSeldom() : pace.ask()),
  lost: showLost,
  regained: () => pace.ask(),
});
