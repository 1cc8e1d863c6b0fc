/**
 * What is shown: a window of time and of addresses, a cursor, a measure. One view drives every
 * part of the page, and the URL holds it (view_url.js), so that a link reproduces it.
 */

import { ShownWindow } from "./shown_window.js";

/**
 * @typedef {import("../shared/rest_types.d.ts").Measure} Measure
 * @typedef {import("./shown_window.js").Memslot} Memslot
 * @typedef {import("./shown_window.js").Span} Span
 * @typedef {"a" | "b"} MarkerName
 * What is on screen: the view that it was asked for by (null before anything is), and the view by
 * which it is placed.
 * @typedef {{readonly shown: View | null, readonly axis: View}} Staged
 */

/** @type {Measure[]} */
export const MEASURES = ["private", "conversions", "page_faults", "ping_pong", "mixed"];

export class View extends ShownWindow {
  /**
   * The cursor, set by a click or by the keyboard: an instant and, on the map, an address.
   * @type {number | null}
   */
  t = null;
  /** @type {number | null} */
  gpa = null;
  /** @type {{seq: number, t: number} | null} */
  #chosen = null;
  /**
   * Two instants to compare, each null until it is set.
   * @type {Record<MarkerName, number | null>}
   */
  markers = { a: null, b: null };
  measure = MEASURES[0];
  /**
   * Which events are meant.
   * @type {import("../shared/event_filters.js").EventFilters}
   */
  filters = {};

  /** The number of the event that the cursor is on, if it was put there by choosing one. */
  get event() {
    return this.#chosen !== null && this.#chosen.t === this.t ? this.#chosen.seq : null;
  }

  /** @param {number | null} seq */
  choose(seq) {
    this.#chosen = seq === null || this.t === null ? null : { seq, t: this.t };
  }

  /** The same view, which stays as it is when this one changes. */
  snapshot() {
    const copy = Object.assign(new View(), this);
    copy.copyCursor(this);
    return copy;
  }

  /**
   * Put the cursor and the markers where another view has them.
   * @param {View} view
   */
  copyCursor(view) {
    [this.t, this.gpa, this.#chosen] = [view.t, view.gpa, view.#chosen];
    this.markers = { ...view.markers };
  }

  /** The instant whose state is shown: the cursor's, else the last of the window with memory. */
  get instant() {
    return this.t ?? Math.max(this.span[0], Math.min(this.time.to - 1, this.lastMemory));
  }

  /** The cursor's instant if the window has it, else null. */
  get cursorInView() {
    const { from, to } = this.time;
    return this.t !== null && this.t >= from && this.t < to ? this.t : null;
  }

  /** Whether the cursor can be seen: nothing is chosen by one that is elsewhere. */
  get isCursorInView() {
    if (this.cursorInView === null) return false;
    if (this.gpa === null || this.layout.isEmpty) return true;
    const { from, to } = this.addresses;
    return this.gpa >= from && this.gpa < to;
  }

  /** What `instant` is, in words. */
  get instantText() {
    if (this.t !== null) return "at the cursor";
    if (this.time.to - 1 > this.lastMemory) return "just before the last memslot went";
    return "at the end of the window";
  }

  /** @override */
  get centre() {
    return this.t ?? super.centre;
  }

  /**
   * Show just this, and choose by nothing else: the cursor is let go.
   * @param {number} from
   * @param {number} to
   * @param {[number, number] | null} [addresses] null: they stay
   */
  select(from, to, addresses = null) {
    this.t = this.gpa = null;
    this.choose(null);
    this.showWindow(from, to, addresses);
  }

  /**
   * Put the cursor somewhere, or on the event of that number.
   * @param {number | null} t
   * @param {number | null} gpa
   * @param {number | null} [seq]
   */
  setCursor(t, gpa, seq = null) {
    this.moveCursor(t);
    this.gpa = gpa;
    this.choose(seq);
    this.changed();
  }

  /**
   * Move the cursor in time, without asking for all that is shown again. A window that slides would
   * leave the cursor behind: it stays with it.
   * @param {number | null} t
   */
  moveCursor(t) {
    if (t !== null && this.from !== null) this.isFollowing = false;
    this.t = t === null ? null : Math.round(Math.min(Math.max(t, this.span[0]), this.span[1]));
    this.choose(null);
  }

  /**
   * Put the cursor on an event, and let the window move with it where it has to.
   * @param {number} t
   * @param {number | null} gpa
   * @param {number} seq
   */
  showEvent(t, gpa, seq) {
    const half = this.length / 2;
    this.setCursor(t, gpa, seq);
    if (this.cursorInView === null) this.showTime(t - half, t + half);
  }

  /**
   * Set a marker at the instant whose state is shown.
   * @param {MarkerName} name
   */
  setMarker(name) {
    this.markers[name] = this.instant;
    this.changed();
  }

  clearMarkers() {
    this.markers = { a: null, b: null };
    this.changed();
  }

  /** Clear the cursor; if there is none, the markers. */
  clear() {
    if (this.t === null && this.gpa === null) this.clearMarkers();
    else this.setCursor(null, null);
  }

  /**
   * @param {string} name
   * @param {string[]} values none: it is lifted
   */
  setFilter(name, values) {
    const { [name]: _, ...others } = this.filters;
    this.setFilters(values.length ? { ...others, [name]: values } : others);
  }

  /** @param {import("../shared/event_filters.js").EventFilters} filters */
  setFilters(filters) {
    this.filters = filters;
    this.changed();
  }

  /** @param {Measure} measure */
  setMeasure(measure) {
    this.measure = measure;
    this.changed();
  }

  nextMeasure() {
    this.setMeasure(MEASURES[(MEASURES.indexOf(this.measure) + 1) % MEASURES.length]);
  }
}
