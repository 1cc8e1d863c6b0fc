/** What a person can press, drag or type in the explorer, and what it does to the view. */

import { attachGestures } from "./gestures.js";
import { floorPage, parseAddress } from "./gpa.js";
import { listKeys, listenForKeys } from "./keys.js";

/** Brushing (nearly) the full height of the map selects time only. */
const FULL_HEIGHT = 0.98;

const byId = (id) => document.getElementById(id);

export class Controls {
  /** @param {Explorer} page */
  constructor(page) {
    this.page = page;
    this.view = page.view;
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
      "take-button": () => page.take.open(),
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

  listenToMap() {
    const { page, view } = this;
    const { map } = page;
    attachGestures(map.overlay, view, {
      hasAddresses: true,
      isBrush: (event) => event.shiftKey || isPressed(byId("brush-mode")),
      hover: (point) => page.hover(point && map.at(view, point)),
      click: (point) => this.keepCursor(map.at(view, point)),
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
    const timeAt = (share) => view.time.from + share * view.length;
    attachGestures(page.timeline.overlay, view, {
      hasAddresses: false,
      isBrush: (event) => !event.shiftKey,
      hover: (point) => page.hover(point && { t: timeAt(point.x), gpa: null }),
      click: (point) => view.setCursor(timeAt(point.x), view.gpa),
      brushed: ({ left, right }) => {
        page.keepInHistory();
        view.showTime(timeAt(left), timeAt(right));
      },
      whole: () => this.showWhole(),
    });
  }

  keepCursor({ t, gpa }) {
    this.view.setCursor(t, gpa === null ? null : floorPage(gpa));
  }

  /** Zoom to a brushed rectangle of the map. */
  zoomTo({ left, right, top, bottom }) {
    const { view } = this;
    const { map } = this.page;
    const { from } = view.time;
    const { length } = view;
    this.page.keepInHistory();
    if (!map.axis.isEmpty && !view.layout.isEmpty && bottom - top < FULL_HEIGHT) {
      const between = [(1 - bottom) * map.height, (1 - top) * map.height];
      view.showAddresses(...map.axis.windowBetween(...between));
    }
    view.showTime(from + left * length, from + right * length);
  }

  /** Arrow keys move the cursor by one cell of the map. */
  moveCursor(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const step = steps[event.key];
    const { map } = this.page;
    if (!step || map.axis.isEmpty) return;
    event.preventDefault();
    const cells = event.shiftKey ? 10 : 1;
    const { time, length, t, gpa } = this.view;
    const perPixel = length / map.overlay.element.clientWidth;
    const position = gpa === null ? map.height / 2 : map.axis.positionOf(gpa) + 0.5;
    this.keepCursor({
      t: (t ?? time.from + length / 2) + step[0] * cells * perPixel,
      gpa: map.axis.addressAt(position + step[1] * cells) ?? gpa,
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
