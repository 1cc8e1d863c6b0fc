/** Keys of the explorer, and the help that lists them. */

const PAN = 0.2;
const CLOSER = 0.6;

const BINDINGS = [
  { key: "w", label: "zoom in on time", does: (view) => view.zoomTime(CLOSER) },
  { key: "s", label: "zoom out of time", does: (view) => view.zoomTime(1 / CLOSER) },
  { key: "a", label: "earlier", does: (view) => view.panTime(-PAN * view.length) },
  { key: "d", label: "later", does: (view) => view.panTime(PAN * view.length) },
  { key: "W", label: "zoom in on addresses", does: (view) => view.zoomAddresses(CLOSER) },
  { key: "S", label: "zoom out of addresses", does: (view) => view.zoomAddresses(1 / CLOSER) },
  { key: "r", label: "higher addresses", does: (view) => view.panAddresses(PAN) },
  { key: "f", label: "lower addresses", does: (view) => view.panAddresses(-PAN) },
  { key: ".", label: "the next event", does: (view, page) => page.eventSteps.showNext() },
  { key: ",", label: "the event before", does: (view, page) => page.eventSteps.showPrevious() },
  { key: "p", label: "play, or pause", does: (view, page) => page.scrubber.toggle() },
  { key: "]", label: "the next storm", does: (view, page) => page.storms.showNext() },
  { key: "[", label: "the storm before", does: (view, page) => page.storms.showPrevious() },
  { key: "0", label: "the whole recording", does: (view, page) => page.showWhole() },
  {
    key: "l",
    label: "follow the live recording, or pause",
    does: (view, page) => page.toggleFollowing(),
  },
  { key: "m", label: "what the map shows", does: (view) => view.nextMeasure() },
  { key: "A", label: "set marker A at the cursor", does: (view) => view.setMarker("a") },
  { key: "B", label: "set marker B at the cursor", does: (view) => view.setMarker("b") },
  { key: "x", label: "compare memory at A and at B", does: (view, page) => page.markers.compare() },
  { key: "e", label: "filter the events", does: (view, page) => page.filterBar.open() },
  {
    key: "n",
    label: "write a note about the cursor or what is shown",
    does: (view, page) => page.notes.dialog.open(),
  },
  { key: "E", label: "what is shown, as data", does: (view, page) => page.exportDialog.open() },
  { key: "y", label: "copy a link to just this", does: (view, page) => page.permalink.copy() },
  {
    key: "/",
    label: "go to an address, a time or an event",
    does: (view, page) => page.jump.open(),
  },
  { key: "Escape", label: "clear the cursor, then the markers", does: (view) => view.clear() },
  { key: "?", label: "this help", does: (view, page) => page.help.showModal() },
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

/** Fill the help's list. */
export function listKeys(list) {
  const keys = BINDINGS.map(({ key, label }) => [key === "Escape" ? "Esc" : key, label]);
  for (const [key, label] of [...keys, ...GESTURES]) {
    const term = document.createElement("dt");
    const name = document.createElement("kbd");
    name.textContent = key;
    term.append(name);
    const what = document.createElement("dd");
    what.textContent = label;
    list.append(term, what);
  }
}

/** Listen for keys, except where a person is typing or a dialog is open. */
export function listenForKeys(view, page) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.target.closest("input:not([type=range]), select, textarea")) return;
    const binding = BINDINGS.find(({ key }) => key === event.key);
    if (!binding) return;
    event.preventDefault();
    binding.does(view, page);
  });
}
