/** Marks over a plot: cursor, hover, brush, losses. Positions are shares of the plotting area. */

import { formatCount } from "./units.js";
import { formatTime } from "./time.js";

export class Overlay {
  /** @param {HTMLElement} element covers exactly the plotting area */
  constructor(element) {
    this.element = element;
    this.losses = this.add("div", "losses");
    this.hover = this.add("div", "mark mark-hover");
    this.cursor = this.add("div", "mark mark-cursor");
    this.brush = this.add("div", "brush");
    this.cursor.hidden = this.hover.hidden = this.brush.hidden = true;
  }

  add(tag, className) {
    const child = document.createElement(tag);
    child.className = className;
    this.element.append(child);
    return child;
  }

  /** Share of the width at which an instant lies. */
  static shareOf(view, t) {
    const { from, to } = view.time;
    return (t - from) / (to - from);
  }

  placeCursor(view) {
    this.placeAt(this.cursor, view, view.t);
  }

  placeHover(view, t) {
    this.placeAt(this.hover, view, t);
  }

  placeAt(mark, view, t) {
    const share = t === null ? -1 : Overlay.shareOf(view, t);
    mark.hidden = share < 0 || share > 1;
    mark.style.left = `${share * 100}%`;
  }

  /** Cover the time in which events were lost, at least two pixels wide. */
  placeLosses(view, losses) {
    const { from, to } = view.time;
    const shown = losses.filter((loss) => loss.to >= from && loss.from <= to);
    this.losses.replaceChildren(...shown.map((loss) => lossBand(view, loss)));
  }

  /** Show the brushed rectangle, in shares of the area; y counts from the top. */
  placeBrush({ left, right, top, bottom }) {
    this.brush.hidden = false;
    this.brush.style.left = `${left * 100}%`;
    this.brush.style.width = `${(right - left) * 100}%`;
    this.brush.style.top = `${top * 100}%`;
    this.brush.style.height = `${(bottom - top) * 100}%`;
  }

  clearBrush() {
    this.brush.hidden = true;
  }
}

function lossBand(view, loss) {
  const left = Math.max(0, Overlay.shareOf(view, loss.from));
  const right = Math.min(1, Overlay.shareOf(view, loss.to));
  const band = document.createElement("div");
  band.className = "loss";
  band.style.left = `${left * 100}%`;
  band.style.width = `max(2px, ${(right - left) * 100}%)`;
  const count = loss.count === null ? "an unknown number of" : formatCount(loss.count);
  band.title = `${count} events lost, ${formatTime(loss.from)} to ${formatTime(loss.to)}`;
  return band;
}
