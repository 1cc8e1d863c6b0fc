/** Markers A and B: two instants, drawn over the plots, held by the URL, and compared. */

/**
 * @typedef {import("../../view/view.js").View} View
 * @typedef {import("../../view/view.js").MarkerName} MarkerName
 */

import { Overlay } from "../../charts/overlay.js";
import { byId } from "../../shared/dom.js";
import { address } from "../../shared/rest.js";
import { formatDuration, formatTime } from "../../shared/time.js";

/** @type {MarkerName[]} */
const NAMES = ["a", "b"];
/** Of times on buttons; the title has all of them. */
const DECIMALS = 3;
/** Beyond this share of the width, a label is on the left of its line. */
const NEAR_THE_END = 0.95;

export class Markers {
  /**
   * @param {Overlay[]} overlays to draw the markers on
   * @param {View} view
   * @param {number} vmId
   */
  constructor(overlays, view, vmId) {
    this.vmId = vmId;
    this.lines = NAMES.map((name) => overlays.map((overlay) => markerOn(overlay, name)));
    for (const name of NAMES) {
      byId(`marker-${name}`).addEventListener("click", () => view.setMarker(name));
    }
    byId("clear-markers").addEventListener("click", () => view.clearMarkers());
  }

  /** @param {View} view */
  place(view) {
    NAMES.forEach((name, i) => {
      const t = view.markers[name];
      for (const line of this.lines[i]) placeLine(line, view, t);
      showOnButton(name, t);
    });
    this.showLink(view.markers);
  }

  /** @param {View["markers"]} markers */
  showLink({ a, b }) {
    const link = byId("diff", HTMLAnchorElement);
    byId("clear-markers").hidden = a === null && b === null;
    link.hidden = true;
    if (a === null || b === null) return;
    link.hidden = false;
    link.href = address("/diff", { vm: this.vmId, at: a, at_b: b });
    link.textContent = `diff, ${formatDuration(Math.abs(b - a))} apart`;
  }

  /** Open the page that compares memory at both markers, if both are set. */
  compare() {
    const link = byId("diff", HTMLAnchorElement);
    if (!link.hidden) window.location.assign(link.href);
  }
}

/**
 * @param {Overlay} overlay
 * @param {MarkerName} name
 */
function markerOn(overlay, name) {
  const line = overlay.add("div", "mark marker");
  line.dataset.name = name.toUpperCase();
  line.hidden = true;
  return line;
}

/**
 * @param {HTMLElement} line
 * @param {View} view
 * @param {number | null} t
 */
function placeLine(line, view, t) {
  const share = t === null ? -1 : Overlay.shareOf(view, t);
  line.hidden = share < 0 || share > 1;
  line.style.left = `${share * 100}%`;
  line.classList.toggle("near-the-end", share > NEAR_THE_END);
}

/**
 * @param {MarkerName} name
 * @param {number | null} t
 */
function showOnButton(name, t) {
  const letter = name.toUpperCase();
  const button = byId(`marker-${name}`);
  button.textContent = t === null ? letter : `${letter} ${formatTime(t, DECIMALS)}`;
  const where = t === null ? "Set marker" : `${formatTime(t)}; move marker`;
  button.title = `${where} ${letter} to the cursor (${letter})`;
}
