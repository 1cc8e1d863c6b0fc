/** Notes over a plot: a numbered pin for each at its lower edge, and what it covers. */

import { placeText, searchFor } from "./note_place.js";
import { Overlay } from "../../charts/overlay.js";
import { plotWidth } from "../../charts/plot.js";
import { searchOf } from "../../charts/view_url.js";

const PIN_EDGES = 10;
const PIXELS_PER_DIGIT = 7;
/** Pins of notes that are close to each other stand above each other, in so many rows. */
const PIN_ROWS = 2;

export class NotePins {
  #shown = [];

  /**
   * @param {MapPlot | Timeline} plot
   * @param {(id: number) => void} show
   */
  constructor(plot, show) {
    this.plot = plot;
    this.layer = plot.overlay.add("div", "pins");
    for (const kind of ["pointerdown", "dblclick"]) {
      this.layer.addEventListener(kind, (event) => event.stopPropagation());
    }
    this.layer.addEventListener("click", (event) => {
      const pin = event.target.closest("a");
      if (!pin || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      show(Number(pin.dataset.note));
    });
  }

  place(view, notes) {
    const { from, to } = view.time;
    const width = plotWidth(this.plot.figure);
    const shown = [
      notes,
      this.plot.raster,
      String(this.plot.range),
      searchOf(view),
      from,
      to,
      width,
    ];
    if (shown.every((each, i) => each === this.#shown[i])) return; // a click needs its pin to stay
    this.#shown = shown;
    const ends = [];
    const marks = notes.flatMap((note, i) => {
      if (note.from >= to || (note.to ?? note.from + 1) <= from) return [];
      const share = Math.max(0, Overlay.shareOf(view, note.from));
      const row = rowFor(ends, share * width, PIN_EDGES + PIXELS_PER_DIGIT * String(i + 1).length);
      const cover = this.cover(view, note);
      return row < PIN_ROWS ? [cover, pinOf(view, note, i + 1, share, row)] : [cover];
    });
    this.layer.replaceChildren(...marks);
  }

  /** The stretch of time, and on the map the addresses, that a note is about. */
  cover(view, note) {
    const cover = document.createElement("div");
    cover.className = "pin-cover";
    const left = Math.max(0, Overlay.shareOf(view, note.from));
    const right = Math.min(1, Overlay.shareOf(view, note.to ?? note.from));
    cover.style.left = `${left * 100}%`;
    cover.style.width = `${Math.max(0, right - left) * 100}%`;
    const heights = note.gpa_from === null ? null : this.plot.sharesOf?.(note);
    if (heights) {
      cover.classList.add("pin-place");
      cover.style.bottom = `${heights[0] * 100}%`;
      cover.style.height = `${(heights[1] - heights[0]) * 100}%`;
    }
    return cover;
  }
}

/**
 * The lowest row in which a pin at `x` does not stand on another; `ends` are those of the rows.
 * Where all are taken, closer notes have no pin until one zooms in, only their mark at the edge.
 */
function rowFor(ends, x, width) {
  let row = 0;
  while (row < PIN_ROWS && ends[row] > x) row += 1;
  if (row < PIN_ROWS) ends[row] = x + width;
  return row;
}

function pinOf(view, note, number, share, row) {
  const pin = document.createElement("a");
  const href = searchFor(view, note);
  Object.assign(pin, { className: "pin", textContent: number, href, tabIndex: -1 });
  Object.assign(pin.dataset, { note: note.id, row });
  pin.title = `note ${number}, ${placeText(note)}\n${note.text}`;
  pin.style.left = `${share * 100}%`;
  if (share > 0.5) pin.classList.add("to-the-left");
  return pin;
}
