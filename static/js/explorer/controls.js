/** What a person can press, drag or type in the explorer, and what it does to the view. */

/**
 * @typedef {import("../charts/map.js").MapPlot} MapPlot
 * @typedef {import("../charts/timeline.js").Timeline} Timeline
 * @typedef {import("../charts/gestures.js").Point} Point
 * @typedef {import("../charts/gestures.js").Box} Box
 * @typedef {import("../view/view.js").View} View
 * An instant and, on the map, an address.
 * @typedef {{t: number, gpa: number | null}} Place
 */

import { attachGestures } from "../charts/gestures.js";
import { byId, closest } from "../shared/dom.js";
import { floorPage, parseAddress } from "../shared/gpa.js";
import { MEASURES } from "../view/view.js";
import { listKeys, listenForKeys } from "./keys.js";

/** Brushing (nearly) the full height of the map selects time only. */
const FULL_HEIGHT = 0.98;

/**
 * What a control or a key does beyond changing the view.
 * @typedef {Record<
 *   | "showWhole" | "keepInHistory" | "toggleFollowing" | "showHelp" | "exportData" | "readMoreEvents"
 *   | "nextEvent" | "previousEvent" | "nextStorm" | "previousStorm" | "togglePlaying"
 *   | "compareMarkers" | "filterEvents" | "writeNote" | "copyLink" | "jump",
 *   () => void
 * > & {hover: (at: Place | null) => void}} Actions
 */

export class Controls {
  /** @type {(() => Place) | null} */
  pointed = null;

  /**
   * @param {View} view
   * @param {import("../view/view.js").Staged} stage
   * @param {{map: MapPlot, timeline: Timeline}} plots
   * @param {Actions} actions
   */
  constructor(view, stage, plots, actions) {
    this.view = view;
    this.stage = stage;
    this.map = plots.map;
    this.timeline = plots.timeline;
    this.actions = actions;
    listenForKeys(view, actions);
    listKeys(byId("key-list"));
    this.listenToButtons();
    this.listenToMap();
    this.listenToTimeline();
    byId("events-body").addEventListener("click", (event) => this.followEventLink(event));
    byId("map-overlay").addEventListener("keydown", (event) => this.moveCursor(event));
  }

  listenToButtons() {
    const { actions, view } = this;
    const buttons = {
      "zoom-in": () => view.zoomTime(0.5),
      "zoom-out": () => view.zoomTime(2),
      "zoom-gpa-in": () => view.zoomAddresses(0.5),
      "zoom-gpa-out": () => view.zoomAddresses(2),
      whole: actions.showWhole,
      follow: actions.toggleFollowing,
      "help-button": actions.showHelp,
      "clear-cursor": () => view.setCursor(null, null),
      "export-button": actions.exportData,
      "events-more": actions.readMoreEvents,
    };
    for (const [id, act] of Object.entries(buttons)) {
      byId(id).addEventListener("click", () => act());
    }
    const brush = byId("brush-mode");
    brush.addEventListener("click", () => {
      brush.setAttribute("aria-pressed", String(!isPressed(brush)));
    });
    for (const input of measureInputs()) {
      input.addEventListener("change", () => {
        const measure = MEASURES.find((each) => each === input.value);
        if (measure) view.setMeasure(measure);
      });
    }
  }

  /**
   * Let the controls follow what is shown.
   * @param {View} view
   */
  show({ measure }) {
    for (const input of measureInputs()) input.checked = input.value === measure;
    byId("clear-cursor").hidden = this.view.t === null;
  }

  /** What everything is placed by. */
  get axis() {
    return this.stage.axis;
  }

  listenToMap() {
    const { map, view } = this;
    const brush = byId("brush-mode");
    attachGestures(map.overlay, view, {
      axis: () => this.axis,
      hasAddresses: true,
      isBrush: (event) => event.shiftKey || isPressed(brush),
      hover: (point) => this.point(point && (() => map.at(this.axis, point))),
      click: (point) => this.keepCursor(map.at(this.axis, point)),
      brushed: (box) => this.zoomTo(box),
      whole: () => this.showWhole(),
    });
  }

  /** A double click is two clicks first, and these have set the cursor. */
  showWhole() {
    this.view.setCursor(null, null);
    this.actions.showWhole();
  }

  listenToTimeline() {
    const { timeline, view } = this;
    attachGestures(timeline.overlay, view, {
      axis: () => this.axis,
      hasAddresses: false,
      isBrush: (event) => !event.shiftKey,
      hover: (point) => this.point(point && (() => ({ t: this.timeAt(point.x), gpa: null }))),
      click: (point) => view.setCursor(this.timeAt(point.x), view.gpa),
      brushed: (box) => this.select(box),
      whole: () => this.showWhole(),
    });
  }

  /** @param {number} share */
  timeAt(share) {
    return this.axis.time.from + share * this.axis.length;
  }

  /**
   * The pointer is somewhere: what is there is another once what is shown has moved.
   * @param {(() => Place) | null} place
   */
  point(place) {
    this.pointed = place;
    this.actions.hover(place && place());
  }

  pointAgain() {
    if (this.pointed) this.point(this.pointed);
  }

  /** @param {Place} place */
  keepCursor({ t, gpa }) {
    this.view.setCursor(t, gpa === null ? null : floorPage(gpa));
  }

  /**
   * Choose a brushed rectangle of the map.
   * @param {Box} box
   */
  zoomTo(box) {
    const { map } = this;
    const isAddresses =
      !map.axis.isEmpty && !this.view.layout.isEmpty && box.bottom - box.top < FULL_HEIGHT;
    this.select(box, isAddresses ? map.addressesBetween(1 - box.bottom, 1 - box.top) : null);
  }

  /**
   * @param {Box} box
   * @param {[number, number] | null} [addresses]
   */
  select({ left, right }, addresses = null) {
    this.actions.keepInHistory();
    this.view.select(this.timeAt(left), this.timeAt(right), addresses);
  }

  /**
   * Arrow keys move the cursor by one cell of the map.
   * @param {KeyboardEvent} event
   */
  moveCursor(event) {
    /** @type {Record<string, [number, number]>} */
    const directions = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, 1],
      ArrowDown: [0, -1],
    };
    const direction = directions[event.key];
    const { map } = this;
    if (!direction || map.axis.isEmpty) return;
    event.preventDefault();
    const cells = event.shiftKey ? 10 : 1;
    const { time, length } = this.axis;
    const { t, gpa } = this.view;
    const perPixel = length / map.overlay.element.clientWidth;
    const share = gpa === null ? 0.5 : map.shareOf(gpa) + 0.5 / map.height;
    this.keepCursor({
      t: (t ?? time.from + length / 2) + direction[0] * cells * perPixel,
      gpa: map.addressAt(share + (direction[1] * cells) / map.height) ?? gpa,
    });
  }

  /** @param {MouseEvent} event */
  followEventLink(event) {
    const link = closest(event, "a[data-t]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const gpa = link.dataset.gpa === undefined ? null : parseAddress(link.dataset.gpa);
    this.actions.keepInHistory();
    this.view.setCursor(Number(link.dataset.t), gpa, Number(link.dataset.seq));
  }
}

/** @param {HTMLElement} button */
const isPressed = (button) => button.getAttribute("aria-pressed") === "true";

/** @returns {NodeListOf<HTMLInputElement>} */
const measureInputs = () => document.querySelectorAll("input[name=measure]");
