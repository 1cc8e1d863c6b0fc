/**
 * What part of time and of guest memory is shown, and the ways in which that moves.
 *
 * An edge that is null means the edge of the recording: such a window stays whole while data arrive.
 */

import { BandAxis, parseAddress, toHex } from "../shared/gpa.js";

/**
 * @typedef {import("../shared/rest_types.d.ts").MemslotView} Memslot
 * A half-open window of time (ns) or of addresses.
 * @typedef {{from: number, to: number}} Span
 */

const SHORTEST_WINDOW_NS = 1000;

export class ShownWindow extends EventTarget {
  /** @type {number | null} */
  from = null;
  /** @type {number | null} */
  to = null;
  /** @type {number | null} */
  gpaFrom = null;
  /** @type {number | null} */
  gpaTo = null;
  isFollowing = false;
  /** How often somebody has changed it; that the recording grows does not count. */
  changes = 0;

  /**
   * First and last instant of the recording.
   * @type {[number, number]}
   */
  span = [0, 1];
  /**
   * Every address that a memslot ever covered.
   * @type {BandAxis}
   */
  layout = new BandAxis([]);

  /**
   * When each memslot came and went (Infinity: it is there).
   * @type {Span[]}
   */
  lives = [];

  /**
   * Whether just the same times and addresses are shown.
   * @param {ShownWindow} view
   */
  hasWindowOf(view) {
    const edges = (/** @type {ShownWindow} */ { time, addresses }) => [
      time.from,
      time.to,
      addresses.from,
      addresses.to,
    ];
    const theirs = edges(view);
    return edges(this).every((edge, i) => edge === theirs[i]);
  }

  /**
   * The window of time that is shown.
   * @returns {Span}
   */
  get time() {
    const from = this.from ?? this.span[0];
    return { from, to: Math.max(this.to ?? this.span[1], from + 1) };
  }

  /** Length of the window of time, ns. */
  get length() {
    return this.time.to - this.time.from;
  }

  /**
   * The window of addresses that is shown; of nothing while no address is known.
   * @returns {Span}
   */
  get addresses() {
    if (this.layout.isEmpty) return { from: this.gpaFrom ?? 0, to: this.gpaTo ?? 0 };
    return { from: this.gpaFrom ?? this.layout.from, to: this.gpaTo ?? this.layout.to };
  }

  /** What to ask the server for; it knows the newest memslot, this page may not yet. */
  get addressParameters() {
    const text = (/** @type {number | null} */ gpa) => (gpa === null ? null : toHex(gpa));
    return { gpa_from: text(this.gpaFrom), gpa_to: text(this.gpaTo) };
  }

  /**
   * Without any known memslot, all addresses are those of a map of everything.
   * @param {import("../shared/rest_types.d.ts").BandOut[]} bands
   */
  learnLayout(bands) {
    this.layout = BandAxis.ofRanges(
      bands.map((band) => [parseAddress(band.gpa_from), parseAddress(band.gpa_to)]),
    );
  }

  /** @param {Memslot[]} memslots */
  setMemslots(memslots) {
    this.lives = memslots.map(({ from, to }) => ({ from, to: to ?? Infinity }));
    this.layout = BandAxis.ofRanges(
      memslots.map((slot) => [Number(slot.gpa), Number(slot.gpa) + slot.size]),
    );
  }

  /**
   * The last instant at which there is any memory, of memslots that came before the window's end; a
   * VM may delete them before it ends. What comes later does not move what this window shows.
   */
  get lastMemory() {
    const { to } = this.time;
    const ends = this.lives.filter((life) => life.from < to).map((life) => life.to);
    return ends.reduce((last, end) => Math.max(last, end), ends.length ? 0 : Infinity) - 1;
  }

  get isWhole() {
    return [this.from, this.to, this.gpaFrom, this.gpaTo].every((edge) => edge === null);
  }

  changed() {
    this.changes += 1;
    this.dispatchEvent(new Event("change"));
  }

  /**
   * Show a window of time; leaves following, for what is shown no longer ends at the newest.
   * @param {number} from
   * @param {number} to
   */
  showTime(from, to) {
    this.#setTime(from, to);
    this.changed();
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  #setTime(from, to) {
    const [first, last] = this.span;
    const length = Math.min(Math.max(Math.round(to - from), SHORTEST_WINDOW_NS), last - first);
    const start = Math.round(Math.min(Math.max(from, first), last - length));
    const isWhole = length >= last - first;
    this.from = isWhole ? null : start;
    this.to = isWhole ? null : start + length;
    this.isFollowing = false;
  }

  /** The instant that stays where it is while time is zoomed. */
  get centre() {
    return (this.time.from + this.time.to) / 2;
  }

  /**
   * Zoom time by a factor (below 1: closer) around an instant that stays where it is.
   * @param {number} factor
   */
  zoomTime(factor, around = this.centre) {
    const { from, to } = this.time;
    this.showTime(around - (around - from) * factor, around + (to - around) * factor);
  }

  /** @param {number} ns */
  panTime(ns) {
    const { from, to } = this.time;
    this.showTime(from + ns, to + ns);
  }

  /**
   * Show what lies between two positions of the layout (bytes, holes left out).
   * @param {number} low
   * @param {number} high
   */
  showPositions(low, high) {
    this.#setPositions(low, high);
    this.changed();
  }

  /**
   * @param {number} low
   * @param {number} high
   */
  #setPositions(low, high) {
    const length = Math.min(high - low, this.layout.length);
    const start = Math.min(Math.max(low, 0), this.layout.length - length);
    const isWhole = length >= this.layout.length;
    [this.gpaFrom, this.gpaTo] = isWhole
      ? [null, null]
      : this.layout.windowBetween(start, start + length);
  }

  /**
   * Positions of the layout between which the shown addresses lie.
   * @returns {[number, number]}
   */
  get positions() {
    const { from, to } = this.addresses;
    return [this.layout.positionOf(from), this.layout.positionOf(to)];
  }

  /**
   * @param {number} factor
   * @param {number} [aroundShare]
   */
  zoomAddresses(factor, aroundShare = 0.5) {
    if (this.layout.isEmpty) return;
    const [low, high] = this.positions;
    const around = low + (high - low) * aroundShare;
    this.showPositions(around - (around - low) * factor, around + (high - around) * factor);
  }

  /**
   * Pan by a share of the shown addresses; positive is towards higher ones.
   * @param {number} share
   */
  panAddresses(share) {
    if (this.layout.isEmpty) return;
    const [low, high] = this.positions;
    const by = (high - low) * share;
    this.showPositions(low + by, high + by);
  }

  /**
   * Show a window of time and, unless they stay as they are, of addresses.
   * @param {number} from
   * @param {number} to
   * @param {[number, number] | null} addresses
   */
  showWindow(from, to, addresses) {
    if (addresses) {
      const [low, high] = addresses.map((gpa) => this.layout.positionOf(gpa));
      this.#setPositions(low, high);
    }
    this.showTime(from, to);
  }

  /** @param {boolean} isLive */
  showWhole(isLive) {
    this.from = this.to = this.gpaFrom = this.gpaTo = null;
    this.isFollowing = isLive;
    this.changed();
  }

  /** Let the window end at the newest event, as long as it is now. */
  follow() {
    this.isFollowing = true;
    this.slide();
    this.changed();
  }

  /** Let the window stay where it is. */
  pause() {
    const { from, to } = this.time;
    [this.from, this.to] = [from, to];
    this.isFollowing = false;
    this.changed();
  }

  /**
   * The recording has grown to `end`. Returns whether the view moves with it.
   * @param {number} end
   */
  grow(end) {
    this.span = [this.span[0], Math.max(end, this.span[1])];
    this.slide();
    return this.isFollowing || this.to === null;
  }

  slide() {
    if (!this.isFollowing || this.from === null) return;
    const { from, to } = this.time;
    this.from = Math.max(this.span[0], this.span[1] - (to - from));
    this.to = this.span[1];
  }
}
