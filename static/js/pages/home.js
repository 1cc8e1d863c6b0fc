/** The first page: reading its hosts again when something changed, ages, copying commands. */

import { listenForNews } from "../shared/news.js";
import { PacedTask } from "../shared/paced_task.js";
import { formatDuration } from "../shared/time.js";

const REST_MS = 400;
const AGE_MS = 500;
/** Longer than a collector that is alive is ever silent. */
const STALE_MS = 3000;
/** A collector that keeps up is behind what happens by less than a second. */
const LATE_MS = 5000;

const banner = document.getElementById("banner");
const hosts = document.getElementById("hosts");
let readAt = Date.now();

const pace = new PacedTask(readHosts, REST_MS);

async function readHosts() {
  try {
    await window.htmx.ajax("GET", "/home/hosts", { target: "#hosts", swap: "innerMorph" });
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
  for (const element of hosts.querySelectorAll("[data-silent-ms]")) {
    const silence = Number(element.dataset.silentMs) + Date.now() - readAt;
    const behind = Number(element.dataset.behindMs);
    const said = [];
    if (silence >= STALE_MS) said.push(`last data ${inSeconds(silence)} ago`);
    if (behind - element.dataset.silentMs >= LATE_MS) said.push(`${inSeconds(behind)} behind`);
    element.textContent = said.join(", ");
  }
}

function inSeconds(ms) {
  return formatDuration(Math.round(ms / 1000) * 1e9);
}

async function copy(button) {
  // Browsers offer the clipboard on loopback and by HTTPS only; elsewhere the text is selected.
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "copied";
  } else {
    window.getSelection().selectAllChildren(button.previousElementSibling);
  }
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("button[data-copy]");
  if (button) copy(button);
});

setInterval(showAges, AGE_MS);
listenForNews({
  changed: ({ isOnlyTime }) => (isOnlyTime ? pace.askSeldom() : pace.ask()),
  lost: showLost,
  regained: () => pace.ask(),
});
