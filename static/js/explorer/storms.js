/** The storms of the VM: how many, where on the timeline, and keys from one to the next. */

/** @typedef {import("../shared/rest_types.d.ts").StormRow} Storm */

import { byId } from "../shared/dom.js";
import { formatCount } from "../shared/units.js";

/** Looking for storms costs the server more than drawing does: seconds, of ten million events. */
const LEAST_REST_MS = 30_000;
const REST_PER_WORK = 20;
/** So much of a storm's length is shown before and after it; the storm's own page agrees. */
const CONTEXT = 0.25;

export class Storms {
  /**
   * In the order of their beginnings.
   * @type {Storm[]}
   */
  found = [];

  /** To the page of all storms, with their number. */
  link = byId("storms");

  /**
   * @param {object} page
   * @param {import("../view/subject.js").Subject} page.subject
   * @param {import("../view/view.js").View} page.view
   * @param {() => void} page.placeMarks
   * @param {import("../view/address_bar.js").AddressBar} page.addressBar
   */
  constructor({ subject, view, placeMarks, addressBar }) {
    this.subject = subject;
    this.view = view;
    this.placeMarks = placeMarks;
    this.addressBar = addressBar;
  }

  /** Read them now, and, while the recording grows or an answer is missing, again and again. */
  async keepReading() {
    const asked = performance.now();
    const isRead = await this.read().then(
      () => true,
      () => false,
    );
    if (isRead && !this.subject.isLive) return;
    const rest = Math.max(LEAST_REST_MS, (performance.now() - asked) * REST_PER_WORK);
    setTimeout(() => this.keepReading(), rest);
  }

  async read() {
    const { storms } = await this.subject.resource.get("storms");
    this.found = storms.sort((a, b) => a.from - b.from);
    const count = storms.length === 1 ? "1 storm" : `${formatCount(storms.length)} storms`;
    this.link.textContent = storms.length === 0 ? "no storm" : count;
    byId("legend-storms").hidden = storms.length === 0;
    this.placeMarks();
  }

  /** The first that begins after the cursor, or, without a cursor in it, after the window's start. */
  showNext() {
    const { time, isWhole, cursorInView } = this.view;
    const after = cursorInView ?? (isWhole ? -1 : time.from);
    this.show(this.found.find((storm) => storm.from > after));
  }

  showPrevious() {
    const { time, cursorInView } = this.view;
    const before = cursorInView ?? time.to;
    this.show(this.found.findLast((storm) => storm.from < before));
  }

  /**
   * Zoom to a storm, with the cursor at its beginning.
   * @param {Storm | undefined} storm
   */
  show(storm) {
    if (!storm) return;
    const around = (storm.to - storm.from) * CONTEXT;
    this.addressBar.keep();
    this.view.t = storm.from;
    this.view.showTime(storm.from - around, storm.to + around);
  }
}
