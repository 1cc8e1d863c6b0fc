/** The box that takes one to an address or a time. */

import { PAGE_SIZE, floorPage, formatAddress, parseAddress } from "./gpa.js";
import { formatTime } from "./time.js";

const UNITS = { ns: 1, us: 1e3, "µs": 1e3, ms: 1e6, s: 1e9 };
const EXAMPLES = "Try 0x1_8000_0000, gfn:0x180000, 12.5s or t+12.5.";

/**
 * @param {string} text as people write it, or as this page does: spaces and _ do not count
 * @returns {{gpa: number} | {t: number} | null} bytes, or ns since the recording's start
 */
export function parseJump(text) {
  const plain = text.replace(/[\s_]/g, "").toLowerCase();
  const gpa = /^(?:gpa[:=]?)?(0x[0-9a-f]{1,13})$/.exec(plain);
  if (gpa) return { gpa: parseAddress(gpa[1]) };
  const gfn = /^gfn[:=]?(0x[0-9a-f]{1,10}|\d{1,12})$/.exec(plain);
  if (gfn) return { gpa: parseAddress(gfn[1]) * PAGE_SIZE };
  const time = /^(t\+?)?(\d+(?:\.\d+)?)(ns|us|µs|ms|s)?$/.exec(plain);
  if (!time || !(time[1] || time[3])) return null;
  return { t: Math.round(Number(time[2]) * UNITS[time[3] ?? "s"]) };
}

export class JumpBox {
  /**
   * @param {HTMLFormElement} form with one input
   * @param {Explorer} page
   */
  constructor(form, page) {
    this.input = form.querySelector("input");
    this.page = page;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.go();
    });
    this.input.addEventListener("input", () => this.input.setCustomValidity(""));
    this.input.addEventListener("keydown", ({ key }) => key === "Escape" && this.input.blur());
  }

  open() {
    this.input.focus();
    this.input.select();
  }

  /** Put the cursor there, and move the windows if it is outside; or say why not. */
  go() {
    const place = parseJump(this.input.value);
    const problem = place === null ? EXAMPLES : this.problemWith(place);
    this.input.setCustomValidity(problem);
    if (!this.input.reportValidity()) return;
    this.page.keepInHistory();
    if (place.t === undefined) this.showAddress(floorPage(place.gpa));
    else this.showTime(place.t);
    this.input.blur();
  }

  problemWith({ gpa, t }) {
    const { layout, span } = this.page.view;
    if (t !== undefined) return t <= span[1] ? "" : `This recording ends at ${formatTime(span[1])}.`;
    const isThere = layout.bands.some((band) => band.from <= gpa && gpa < band.to);
    const nothing = this.page.memslots.length ? "No memslot ever had" : "Nothing was seen at";
    return isThere ? "" : `${nothing} ${formatAddress(gpa)}.`;
  }

  showTime(t) {
    const { view } = this.page;
    view.setCursor(t, view.gpa);
    if (view.cursorInView === null) view.showTime(t - view.length / 2, t + view.length / 2);
  }

  showAddress(gpa) {
    const { view } = this.page;
    const { from, to } = view.addresses;
    view.setCursor(view.cursorInView ?? Math.min(view.time.to - 1, view.lastMemory), gpa);
    if (gpa >= from && gpa < to) return;
    const [low, high] = view.positions;
    const middle = view.layout.positionOf(gpa);
    view.showPositions(middle - (high - low) / 2, middle + (high - low) / 2);
  }
}
