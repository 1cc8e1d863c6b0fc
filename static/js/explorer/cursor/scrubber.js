/**
 * The scrubber: the cursor's instant as a slider under the map, and playing, which moves it by
 * itself. The next step is asked for when the answer to the last one has come.
 */

import { RateLimitedTask } from "../../shared/rate_limited_task.js";
/**
 * @typedef {import("../../view/view.js").View} View
 * What the page does when the cursor moves.
 * @typedef {object} Moves
 * @property {() => void} moved it is elsewhere: place it
 * @property {() => void} rested
 * @property {() => Promise<boolean>} read ask for what depends on it; whether the server answers
 */

import { plotWidth } from "../../charts/plot.js";
import { byId } from "../../shared/dom.js";
import { formatTime } from "../../shared/time.js";

const REST_MS = 80;
/** Where people ask for less motion, playback moves seldom. */
const CALM_REST_MS = 500;
/** No step is longer, however late an answer: what lies between would not be seen. */
const LONGEST_STEP_MS = 1000;
const SETTLED_MS = 400;
const NS_PER_MS = 1e6;

export class Scrubber {
  isPlaying = false;
  #steppedAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  settled;

  /**
   * @param {View} view
   * @param {import("../../view/view.js").Staged} stage
   * @param {HTMLElement} figure as wide as the slider
   * @param {Moves} does
   */
  constructor(view, stage, figure, does) {
    this.view = view;
    this.stage = stage;
    this.figure = figure;
    this.does = does;
    this.slider = byId("scrubber", HTMLInputElement);
    this.button = byId("play");
    this.speed = byId("play-speed", HTMLSelectElement);
    const isCalm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.playback = new RateLimitedTask(() => this.step(), isCalm ? CALM_REST_MS : REST_MS);
    this.moves = new RateLimitedTask(() => does.read(), REST_MS);
    this.slider.addEventListener("input", () => this.moveToSlider());
    this.button.addEventListener("click", () => this.toggle());
  }

  /**
   * Put the slider where the cursor is; without one, where the instant is that is shown.
   * @param {View} view
   */
  place(view) {
    const width = plotWidth(this.figure);
    const { from } = view.time;
    const share = Math.min(1, Math.max(0, (view.instant - from) / view.length));
    this.slider.max = String(width);
    this.slider.value = String(Math.round(share * width));
    this.slider.setAttribute("aria-valuetext", formatTime(view.instant));
    if (this.isPlaying && view.t === null) this.pause();
  }

  /** The slider was moved by hand. */
  moveToSlider() {
    const { time, length } = this.stage.axis;
    const share = Number(this.slider.value) / Number(this.slider.max);
    this.moveTo(Math.min(time.to - 1, time.from + share * length));
    this.moves.ask();
  }

  /** @param {number} t */
  moveTo(t) {
    this.view.moveCursor(t);
    this.does.moved();
    clearTimeout(this.settled);
    this.settled = setTimeout(() => this.settle(), SETTLED_MS);
  }

  /** The cursor rests: what takes longer is asked for, and the address bar holds its place. */
  settle() {
    if (!this.isPlaying) this.does.rested();
  }

  toggle() {
    if (this.isPlaying) this.pause();
    else this.play();
  }

  /** Play from the cursor to the end of the window; from its start if there is nothing to go. */
  play() {
    const { time, cursorInView } = this.stage.axis;
    if (cursorInView === null || cursorInView >= time.to - 1) this.moveTo(time.from);
    this.#steppedAt = performance.now();
    this.show(true);
    this.playback.ask();
  }

  pause() {
    this.show(false);
    this.settle();
  }

  /** @param {boolean} isPlaying */
  show(isPlaying) {
    this.isPlaying = isPlaying;
    this.button.textContent = isPlaying ? "❚❚" : "▶";
    this.button.ariaLabel = isPlaying ? "Pause" : "Play";
    this.button.title = isPlaying ? "Pause (p)" : "Play (p)";
  }

  async step() {
    if (!this.isPlaying) return;
    const now = performance.now();
    const elapsed = Math.min(now - this.#steppedAt, LONGEST_STEP_MS);
    this.#steppedAt = now;
    const last = this.stage.axis.time.to - 1;
    const t = Math.min(last, (this.view.t ?? this.stage.axis.time.from) + elapsed * this.rate);
    this.moveTo(t);
    const isShown = await this.does.read();
    if (!isShown || t >= last) this.pause();
    else if (this.isPlaying) this.playback.ask();
  }

  /** Nanoseconds of the recording that pass in a millisecond. */
  get rate() {
    const seconds = Number(this.speed.value);
    return seconds ? this.stage.axis.length / (seconds * 1000) : NS_PER_MS;
  }
}
