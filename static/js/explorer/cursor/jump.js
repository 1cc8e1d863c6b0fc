/** The box that takes one to an address, a time or an event. */

import { byId, partOf } from "../../shared/dom.js";
import { kindText } from "../../shared/event_words.js";
import { PAGE_SIZE, floorPage, formatAddress, parseAddress } from "../../shared/gpa.js";
import { hintOf, placesOf, hvaMissingText, hvaPlaceText } from "./hva.js";
import { NS_PER_LINE, formatTime } from "../../shared/time.js";
import { formatCount } from "../../shared/units.js";

/**
 * What was written: bytes, an hva as hex, ns since the recording's start, or an event's number.
 * @typedef {{gpa?: number, hva?: string, t?: number, seq?: number}} Wanted
 * Where that is, or what is wrong with it.
 * @typedef {{problem?: string, t?: number, gpa?: number, seq?: number, how?: string}} Found
 */

/** @type {Record<string, number>} */
const UNITS = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9 };
const EXAMPLES = "Try 0x1_8000_0000, gfn:0x180000, hva:0x7f12_0000_0000, 12.5s, t+12.5 or #4711.";

/**
 * @param {string} text as people write it, or as this page does: spaces and _ do not count
 * @returns {Wanted | null} null: nothing that is known
 */
export function parseJump(text) {
  const plain = text.replace(/[\s_]/g, "").toLowerCase();
  const gpa = /^(?:gpa[:=]?)?(0x[0-9a-f]{1,13})$/.exec(plain);
  if (gpa) return { gpa: parseAddress(gpa[1]) };
  const gfn = /^gfn[:=]?(0x[0-9a-f]{1,10}|\d{1,12})$/.exec(plain);
  if (gfn) return { gpa: parseAddress(gfn[1]) * PAGE_SIZE };
  const hva = /^hva[:=]?(0x[0-9a-f]{1,16})$/.exec(plain);
  if (hva) return { hva: hva[1] };
  const seq = /^#(\d{1,15})$/.exec(plain);
  if (seq) return { seq: Number(seq[1]) };
  const line = /^line(\d{1,12})$/.exec(plain);
  if (line) return { t: Number(line[1]) * NS_PER_LINE };
  const time = /^(t\+?)?(\d+(?:\.\d+)?)(ns|us|µs|ms|s)?$/.exec(plain);
  if (!time || !(time[1] || time[3])) return null;
  return { t: Math.round(Number(time[2]) * UNITS[time[3] ?? "s"]) };
}

export class JumpBox {
  form = byId("jump", HTMLFormElement);
  input = partOf(this.form, "input", HTMLInputElement);
  /** Names how a place was found. */
  status = byId("jump-status");

  /**
   * @param {object} page
   * @param {import("../../view/subject.js").Subject} page.subject
   * @param {import("../../view/view.js").View} page.view
   * @param {import("../../view/address_bar.js").AddressBar} page.addressBar
   * @param {(error: unknown) => void} page.failed
   */
  constructor({ subject, view, addressBar, failed }) {
    this.subject = subject;
    this.view = view;
    this.addressBar = addressBar;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.go().catch(failed);
    });
    this.input.addEventListener("input", () => this.input.setCustomValidity(""));
    this.input.addEventListener("keydown", ({ key }) => key === "Escape" && this.input.blur());
  }

  open() {
    this.input.focus();
    this.input.select();
  }

  /** Put the cursor there, and move the windows if it is outside; or show why not. */
  async go() {
    const { problem, t, gpa, seq, how = "" } = await this.find(parseJump(this.input.value));
    this.input.setCustomValidity(problem ?? "");
    if (!this.input.reportValidity()) return;
    this.addressBar.keep();
    if (t !== undefined) this.showTime(t);
    if (gpa !== undefined) this.showAddress(floorPage(gpa));
    if (t !== undefined && seq !== undefined) this.view.showEvent(t, gpa ?? null, seq);
    this.status.textContent = how;
    const forget = () => (this.status.textContent = "");
    this.view.addEventListener("change", forget, { once: true });
    this.input.blur();
  }

  /**
   * Where what was written is (an instant, an address or both), or what is wrong with it.
   * @param {Wanted | null} place
   * @returns {Promise<Found>}
   */
  async find(place) {
    if (place === null) return { problem: EXAMPLES };
    if (place.seq !== undefined) return this.findEvent(place.seq);
    if (place.hva !== undefined) return this.findHva(place.hva);
    return { ...place, problem: this.problemWith(place) };
  }

  /**
   * @param {string} hva
   * @returns {Found}
   */
  findHva(hva) {
    const { view } = this;
    const { memslots } = this.subject;
    const places = placesOf(hva, memslots, view.instant);
    if (places.length) return { gpa: places[0].gpa, how: hvaPlaceText(hva, places) };
    const none = "Memslots are not recorded.";
    return { problem: memslots.length ? hvaMissingText(hva, memslots, view.instant) : none };
  }

  /**
   * @param {number} seq
   * @returns {Promise<Found>}
   */
  async findEvent(seq) {
    const after = seq ? seq - 1 : null;
    const { resource, vm } = this.subject;
    const { items } = await resource.get("events", { after, limit: 1 });
    const count = Object.values(vm.events).reduce((sum, each) => sum + each, 0);
    if (!items.length) return { problem: `This VM has ${formatCount(count)} events, from #0 on.` };
    const [event] = items;
    const gpa = event.gpa === null ? undefined : parseAddress(event.gpa);
    return {
      t: event.t_effect,
      gpa,
      seq: event.seq,
      how: `event #${event.seq}: ${kindText(event)}`,
    };
  }

  /** @param {Wanted} place */
  problemWith({ gpa = 0, t }) {
    const { view } = this;
    const { memslots } = this.subject;
    const { layout, span } = view;
    if (t !== undefined) {
      return t <= span[1] ? "" : `This recording ends at ${formatTime(span[1])}.`;
    }
    const isThere = layout.bands.some((band) => band.from <= gpa && gpa < band.to);
    const nothing = memslots.length ? "No memslot ever had" : "Nothing was seen at";
    return isThere ? "" : `${nothing} ${formatAddress(gpa)}.${hintOf(gpa, memslots, view.instant)}`;
  }

  /** @param {number} t */
  showTime(t) {
    const { view } = this;
    view.setCursor(t, view.gpa);
    if (view.cursorInView === null) view.showTime(t - view.length / 2, t + view.length / 2);
  }

  /** @param {number} gpa */
  showAddress(gpa) {
    const { view } = this;
    const { from, to } = view.addresses;
    view.setCursor(view.cursorInView ?? Math.min(view.time.to - 1, view.lastMemory), gpa);
    if (gpa >= from && gpa < to) return;
    const [low, high] = view.positions;
    const middle = view.layout.positionOf(gpa);
    view.showPositions(middle - (high - low) / 2, middle + (high - low) / 2);
  }
}
