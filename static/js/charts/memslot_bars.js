/** Memslots over time: a row for each slot, a bar for each lifetime, with backing and range. */

/**
 * @typedef {import("../view/view.js").View} View
 * @typedef {import("../view/view.js").Memslot} Memslot
 */

import { made } from "../shared/dom.js";
import { formatAddress } from "../shared/gpa.js";
import { Overlay } from "./overlay.js";
import { plotWidth } from "./plot.js";
import { formatTime } from "../shared/time.js";
import { formatSize } from "../shared/units.js";

/** Pixels from which on a bar has room for the beginning of its label. */
const LABEL_ROOM = 72;

/** @type {Record<string, string>} */
const BACKINGS = {
  hva: "host memory only: never private",
  mixed: "host memory for the shared half, guest_memfd for the private half: can be private",
  gmem: "a mappable guest_memfd for both halves: can be private",
};

export class MemslotBars {
  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
  }

  /**
   * @param {View} view
   * @param {Memslot[]} memslots
   */
  draw(view, memslots) {
    const { from, to } = view.time;
    const shown = memslots.filter((slot) => slot.from <= to && (slot.to ?? Infinity) > from);
    const bySlot = Map.groupBy(shown, (slot) => `${slot.as_id}:${slot.slot ?? slot.gpa}`);
    const order = [...bySlot.values()].sort((a, b) => Number(a[0].gpa) - Number(b[0].gpa));
    this.element.setAttribute("role", order.length === 0 ? "group" : "list"); // a list has items
    if (order.length === 0) {
      const none = "No memslot existed in the time shown.";
      const why = memslots.length ? none : this.element.dataset.none;
      this.element.replaceChildren(made("p", why, "quiet"));
      return;
    }
    const width = plotWidth(this.element);
    const pixel = view.length / width;
    const rows = order.map((lifetimes) => slotRow(view, tellApart(lifetimes, pixel), width));
    this.element.replaceChildren(...rows);
  }
}

/**
 * Leave out lifetimes that end within the pixel in which the one before began.
 * @param {Memslot[]} lifetimes
 * @param {number} pixel ns
 */
function tellApart(lifetimes, pixel) {
  let drawn = -Infinity;
  return lifetimes.filter(({ from, to }) => {
    const isSeen = to === null || to - drawn >= pixel;
    if (isSeen) drawn = from;
    return isSeen;
  });
}

/**
 * @param {View} view
 * @param {Memslot[]} lifetimes
 * @param {number} width
 */
function slotRow(view, lifetimes, width) {
  const row = made("div", "", "memslot-row");
  row.setAttribute("role", "listitem");
  const last = lifetimes[lifetimes.length - 1];
  const space = last.as_id ? ` (as ${last.as_id})` : "";
  const name = made("span", `slot ${slotName(last)}${space} ${last.backing}`, "memslot-name");
  const track = made("div", "", "memslot-track");
  track.append(...lifetimes.map((lifetime) => bar(view, lifetime, width)));
  row.append(name, track);
  return row;
}

/**
 * @param {View} view
 * @param {Memslot} lifetime
 * @param {number} width
 */
function bar(view, lifetime, width) {
  const left = Math.max(0, Overlay.shareOf(view, lifetime.from));
  const right = Math.min(1, Overlay.shareOf(view, lifetime.to ?? view.time.to));
  const element = made("div", "", `memslot-bar backing-${lifetime.backing}`);
  element.style.left = `${left * 100}%`;
  element.style.width = `max(3px, ${(right - left) * 100}%)`;
  if ((right - left) * width >= LABEL_ROOM) element.textContent = label(lifetime);
  element.title = describe(lifetime);
  return element;
}

/** @param {Memslot} slot */
function label({ gpa, size, backing, can_be_private }) {
  const ability = can_be_private ? "can be private" : "never private";
  return `${formatAddress(gpa)} + ${formatSize(size)}, ${backing}: ${ability}`;
}

/**
 * Where a memslot's id is not recorded, its place names it.
 * @param {Memslot} slot
 */
const slotName = ({ slot, gpa }) => slot ?? `at ${formatAddress(gpa)}`;

/** @param {Memslot} slot */
const flagsText = ({ flags }) =>
  flags === null ? "flags not recorded" : `flags 0x${flags.toString(16)}`;

/** @param {Memslot} lifetime */
function describe(lifetime) {
  const end = lifetime.to === null ? "still there" : `until ${formatTime(lifetime.to)}`;
  const certainty = lifetime.backing_certainty === "seen" ? "" : ` (${lifetime.backing_certainty})`;
  const lines = [
    `slot ${slotName(lifetime)}, address space ${lifetime.as_id}, ${flagsText(lifetime)}`,
    `gpa ${formatAddress(lifetime.gpa)}, ${formatSize(lifetime.size)}`,
    `${lifetime.backing}: ${BACKINGS[lifetime.backing]}${certainty}`,
    `hva ${lifetime.userspace_addr === null ? "not recorded" : formatAddress(lifetime.userspace_addr)}`,
    `from ${formatTime(lifetime.from)}, ${end}`,
  ];
  return lines.join("\n");
}
