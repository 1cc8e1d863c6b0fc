/** What a person can press, drag or type in the explorer, and what it does to the view. */

import { attachGestures } from "../charts/gestures.js";
import { floorPage, parseAddress } from "../shared/gpa.js";
import { listKeys, listenForKeys } from "./keys.js";

/** Brushing (nearly) the full height of the map selects time only. */
const FULL_HEIGHT = 0.98;

const byId = (id) => document.getElementById(id);

export class Controls {
  /** @param {Explorer} page */
  constructor(page) {
    this.page = page;
    this.view = page.view;
    this.pointed = null;
    listenForKeys(this.view, page);
    listKeys(byId("key-list"));
    this.listenToButtons();
    this.listenToMap();
    this.listenToTimeline();
    byId("events-body").addEventListener("click", (event) => this.followEventLink(event));
    byId("map-overlay").addEventListener("keydown", (event) => this.moveCursor(event));
  }

  listenToButtons() {
    const { page, view } = this;
    const actions = {
      "zoom-in": () => view.zoomTime(0.5),
      "zoom-out": () => view.zoomTime(2),
      "zoom-gpa-in": () => view.zoomAddresses(0.5),
      "zoom-gpa-out": () => view.zoomAddresses(2),
      whole: () => page.showWhole(),
      follow: () => page.toggleFollowing(),
      "help-button": () => page.help.showModal(),
      "clear-cursor": () => view.setCursor(null, null),
      "export-button": () => page.exportDialog.open(),
      "events-more": () => page.readMoreEvents(),
    };
    for (const [id, act] of Object.entries(actions)) byId(id).addEventListener("click", act);
    byId("brush-mode").addEventListener("click", ({ currentTarget }) => {
      currentTarget.setAttribute("aria-pressed", String(!isPressed(currentTarget)));
    });
    for (const input of document.querySelectorAll("input[name=measure]")) {
      input.addEventListener("change", () => view.setMeasure(input.value));
    }
  }

  /** What everything is placed by. */
  get axis() {
    return this.page.stage.axis;
  }

  listenToMap() {
    const { page, view } = this;
    const { map } = page;
    attachGestures(map.overlay, view, {
      axis: () => this.axis,
      hasAddresses: true,
      isBrush: (event) => event.shiftKey || isPressed(byId("brush-mode")),
      hover: (point) => this.point(point && (() => map.at(this.axis, point))),
      click: (point) => this.keepCursor(map.at(this.axis, point)),
      brushed: (box) => this.zoomTo(box),
      whole: () => this.showWhole(),
    });
  }

  /** A double click is two clicks first, and these have set the cursor. */
  showWhole() {
    this.view.setCursor(null, null);
    this.page.showWhole();
  }

  listenToTimeline() {
    const { page, view } = this;
    attachGestures(page.timeline.overlay, view, {
      axis: () => this.axis,
      hasAddresses: false,
      isBrush: (event) => !event.shiftKey,
      hover: (point) => this.point(point && (() => ({ t: this.timeAt(point.x), gpa: null }))),
      click: (point) => view.setCursor(this.timeAt(point.x), view.gpa),
      brushed: (box) => this.select(box),
      whole: () => this.showWhole(),
    });
  }

  timeAt(share) {
    return this.axis.time.from + share * this.axis.length;
  }

  /** The pointer is somewhere: what is there is another once what is shown has moved. */
  point(place) {
    this.pointed = place;
    this.page.hover(place && place());
  }

  pointAgain() {
    if (this.pointed) this.point(this.pointed);
  }

  keepCursor({ t, gpa }) {
    this.view.setCursor(t, gpa === null ? null : floorPage(gpa));
  }

  /** Choose a brushed rectangle of the map. */
  zoomTo(box) {
    const { map } = this.page;
    const isAddresses =
      !map.axis.isEmpty && !this.view.layout.isEmpty && box.bottom - box.top < FULL_HEIGHT;
    this.select(box, isAddresses ? map.addressesBetween(1 - box.bottom, 1 - box.top) : null);
  }

  select({ left, right }, addresses = null) {
    this.page.keepInHistory();
    this.view.select(this.timeAt(left), this.timeAt(right), addresses);
  }

  /** Arrow keys move the cursor by one cell of the map. */
  moveCursor(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const step = steps[event.key];
    const { map } = this.page;
    if (!step || map.axis.isEmpty) return;
    event.preventDefault();
    const cells = event.shiftKey ? 10 : 1;
    const { time, length } = this.axis;
    const { t, gpa } = this.view;
    const perPixel = length / map.overlay.element.clientWidth;
    const share = gpa === null ? 0.5 : map.shareOf(gpa) + 0.5 / map.height;
    this.keepCursor({
      t: (t ?? time.from + length / 2) + step[0] * cells * perPixel,
      gpa: map.addressAt(share + (step[1] * cells) / map.height) ?? gpa,
    });
  }

  followEventLink(event) {
    const link = event.target.closest("a[data-t]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const gpa = link.dataset.gpa === undefined ? null : parseAddress(link.dataset.gpa);
    this.page.keepInHistory();
    this.view.setCursor(Number(link.dataset.t), gpa, Number(link.dataset.seq));
  }
}

const isPressed = (button) => button.getAttribute("aria-pressed") === "true";
