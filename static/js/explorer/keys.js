/** Keys of the explorer, and the help that lists them. */

import { closest, made } from "../shared/dom.js";

/**
 * @typedef {import("../view/view.js").View} View
 * @typedef {import("./controls.js").Actions} Actions
 */

const PAN = 0.2;
const CLOSER = 0.6;

/** @type {{key: string, label: string, does: (view: View, actions: Actions) => void}[]} */
const BINDINGS = [
  { key: "w", label: "zoom in on time", does: (view) => view.zoomTime(CLOSER) },
  { key: "s", label: "zoom out of time", does: (view) => view.zoomTime(1 / CLOSER) },
  { key: "a", label: "earlier", does: (view) => view.panTime(-PAN * view.length) },
  { key: "d", label: "later", does: (view) => view.panTime(PAN * view.length) },
  { key: "W", label: "zoom in on addresses", does: (view) => view.zoomAddresses(CLOSER) },
  { key: "S", label: "zoom out of addresses", does: (view) => view.zoomAddresses(1 / CLOSER) },
  { key: "r", label: "higher addresses", does: (view) => view.panAddresses(PAN) },
  { key: "f", label: "lower addresses", does: (view) => view.panAddresses(-PAN) },
  { key: ".", label: "the next event", does: (_, actions) => actions.nextEvent() },
  { key: ",", label: "the event before", does: (_, actions) => actions.previousEvent() },
  { key: "p", label: "play, or pause", does: (_, actions) => actions.togglePlaying() },
  { key: "]", label: "the next storm", does: (_, actions) => actions.nextStorm() },
  { key: "[", label: "the storm before", does: (_, actions) => actions.previousStorm() },
  { key: "0", label: "the whole recording", does: (_, actions) => actions.showWhole() },
  {
    key: "l",
    label: "follow the live recording, or pause",
    does: (_, actions) => actions.toggleFollowing(),
  },
  { key: "m", label: "what the map shows", does: (view) => view.nextMeasure() },
  { key: "A", label: "set marker A at the cursor", does: (view) => view.setMarker("a") },
  { key: "B", label: "set marker B at the cursor", does: (view) => view.setMarker("b") },
  {
    key: "x",
    label: "compare memory at A and at B",
    does: (_, actions) => actions.compareMarkers(),
  },
  { key: "e", label: "filter the events", does: (_, actions) => actions.filterEvents() },
  {
    key: "n",
    label: "write a note about the cursor or what is shown",
    does: (_, actions) => actions.writeNote(),
  },
  { key: "E", label: "what is shown, as data", does: (_, actions) => actions.exportData() },
  { key: "y", label: "copy a link to just this", does: (_, actions) => actions.copyLink() },
  {
    key: "/",
    label: "go to an address, a time or an event",
    does: (_, actions) => actions.jump(),
  },
  { key: "Escape", label: "clear the cursor, then the markers", does: (view) => view.clear() },
  { key: "?", label: "this help", does: (_, actions) => actions.showHelp() },
];

const GESTURES = [
  ["wheel", "zoom time; with shift, addresses"],
  ["drag", "pan the map; with shift, select a rectangle; on the timeline, select a time"],
  ["double click", "the whole recording"],
  ["click", "keep the cursor here"],
  ["back", "what was shown before selecting, following a link or showing all"],
  ["arrows", "move the cursor, when the map has the focus; with shift, ten cells"],
  ["arrows", "go from event to event, when one of the table has the focus; Enter shows it"],
];

/**
 * Fill the help's list.
 * @param {HTMLElement} list
 */
export function listKeys(list) {
  const keys = BINDINGS.map(({ key, label }) => [key === "Escape" ? "Esc" : key, label]);
  for (const [key, label] of [...keys, ...GESTURES]) {
    const term = made("dt");
    term.append(made("kbd", key));
    list.append(term, made("dd", label));
  }
}

/**
 * Listen for keys, except where a person is typing or a dialog is open.
 * @param {View} view
 * @param {Actions} actions
 */
export function listenForKeys(view, actions) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    if (closest(event, "input:not([type=range]), select, textarea")) return;
    const binding = BINDINGS.find(({ key }) => key === event.key);
    if (!binding) return;
    event.preventDefault();
    binding.does(view, actions);
  });
}
