/** The first page: reading its hosts again when something changed, ages, copying commands. */

import { listenForNews } from "./news.js";
import { Paced } from "./paced.js";
import { formatDuration } from "./time.js";

const REST_MS = 400;
const AGE_MS = 500;
/** Longer than a collector that is alive is ever silent. */
const STALE_MS = 3000;

const banner = document.getElementById("banner");
const hosts = document.getElementById("hosts");
let readAt = Date.now();

const pace = new Paced(readHosts, REST_MS);

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
  banner.textContent =
    `The server does not answer. What is shown was read at ${time}. Trying again.`;
}

/** Say of each recording how long its collector has been silent, once that is unusual. */
function showAges() {
  for (const element of hosts.querySelectorAll("[data-silent-ms]")) {
    const silence = Number(element.dataset.silentMs) + Date.now() - readAt;
    const seconds = Math.round(silence / 1000);
    element.textContent =
      silence < STALE_MS ? "" : `last data ${formatDuration(seconds * 1e9)} ago`;
  }
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
