/** Notes over a plot: a numbered pin for each at its lower edge, and what it covers. */

/**
 * @typedef {import("../../view/view.js").View} View
 * @typedef {import("./notes.js").Note} Note
 * What a pin is placed on: the map has addresses, the timeline has none.
 * @typedef {object} Plot
 * @property {HTMLElement} figure
 * @property {import("../../charts/overlay.js").Overlay} overlay
 * @property {unknown} [raster] another: what is drawn has changed
 * @property {[number, number]} [range]
 * @property {(from: number, to: number) => [number, number] | number[] | null} [sharesOf]
 */

import { closest, made } from "../../shared/dom.js";
import { placeText, searchFor } from "./note_place.js";
import { Overlay } from "../../charts/overlay.js";
import { plotWidth } from "../../charts/plot.js";
import { searchOf } from "../../view/view_url.js";

const PIN_EDGES = 10;
const PIXELS_PER_DIGIT = 7;
/** Pins of notes that are close to each other stand above each other, in so many rows. */
const PIN_ROWS = 2;

export class NotePins {
  /** @type {unknown[]} */
  #shown = [];

  /**
   * @param {Plot} plot
   * @param {(id: number) => void} show
   */
  constructor(plot, show) {
    this.plot = plot;
    this.layer = plot.overlay.add("div", "pins");
    for (const kind of ["pointerdown", "dblclick"]) {
      this.layer.addEventListener(kind, (event) => event.stopPropagation());
    }
    this.layer.addEventListener("click", (event) => {
      const pin = closest(event, "a");
      if (!pin || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      show(Number(pin.dataset.note));
    });
  }

  /**
   * @param {View} view
   * @param {Note[]} notes
   */
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
    /** @type {number[]} */
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

  /**
   * The stretch of time, and on the map the addresses, that a note is about.
   * @param {View} view
   * @param {Note} note
   */
  cover(view, note) {
    const cover = made("div", "", "pin-cover");
    const left = Math.max(0, Overlay.shareOf(view, note.from));
    const right = Math.min(1, Overlay.shareOf(view, note.to ?? note.from));
    cover.style.left = `${left * 100}%`;
    cover.style.width = `${Math.max(0, right - left) * 100}%`;
    const isPlaced = note.gpa_from !== null && note.gpa_to !== null;
    const heights = isPlaced && this.plot.sharesOf?.(Number(note.gpa_from), Number(note.gpa_to));
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
 * @param {number[]} ends
 * @param {number} x
 * @param {number} width
 */
function rowFor(ends, x, width) {
  let row = 0;
  while (row < PIN_ROWS && ends[row] > x) row += 1;
  if (row < PIN_ROWS) ends[row] = x + width;
  return row;
}

/**
 * @param {View} view
 * @param {Note} note
 * @param {number} number
 * @param {number} share of the width
 * @param {number} row
 */
function pinOf(view, note, number, share, row) {
  const title = `note ${number}, ${placeText(note)}\n${note.text}`;
  const pin = made("a", String(number), "pin", title);
  pin.href = searchFor(view, note);
  pin.tabIndex = -1;
  pin.dataset.note = String(note.id);
  pin.dataset.row = String(row);
  pin.style.left = `${share * 100}%`;
  if (share > 0.5) pin.classList.add("to-the-left");
  return pin;
}
