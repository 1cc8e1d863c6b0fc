/** What is under the pointer or the cursor: address, slot, state, and the exact counts of the cell. */

import { PAGE_SIZE, floorPage, formatAddress, parseAddress, toHex } from "./gpa.js";
import { loadHistory, summarise } from "./history.js";
import { Latest, Refused, address, fetchJson } from "./rest.js";
import { clockAt, formatDuration, formatTime, wallTimeAt } from "./time.js";
import { formatCount, formatShare, formatSize } from "./units.js";

const SETTLE_MS = 50;

export class Inspector {
  #latest = new Latest();
  #timer = 0;

  /**
   * @param {HTMLElement} element
   * @param {{vmId: number, recording: object}} subject
   */
  constructor(element, subject) {
    this.element = element;
    this.subject = subject;
    this.hint = element.innerHTML;
  }

  /**
   * Show the cell of the map at an instant and an address.
   * @param {{t: number, gpa: number, isKept: boolean}} at a kept place gets its history too
   * @param {object} parameters the map's own
   */
  show(at, parameters, memslots, onError) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#latest
        .run((signal) => this.load(at, parameters, signal))
        .then((answer) => answer && this.draw(at, answer, memslots))
        .catch(onError);
    }, SETTLE_MS);
  }

  clear() {
    clearTimeout(this.#timer);
    this.#latest.run(() => undefined);
    this.element.innerHTML = this.hint;
  }

  async load({ t, gpa, isKept }, parameters, signal) {
    const path = `/api/v1/vms/${this.subject.vmId}`;
    const page = floorPage(gpa);
    const cell = { ...parameters, measure: null, t: Math.floor(t), gpa: toHex(page) };
    const state = { at: Math.floor(t), gpa_from: toHex(page), gpa_to: toHex(page + PAGE_SIZE) };
    const [counts, { runs }, history] = await Promise.all([
      fetchJson(address(`${path}/raster/cell`, cell), signal).catch(nullIfMissing),
      fetchJson(address(`${path}/state`, state), signal),
      isKept ? loadHistory(this.subject.vmId, page, Math.floor(t), signal) : null,
    ]);
    return { counts, run: runs[0] ?? null, history };
  }

  draw({ t, gpa }, { counts, run, history }, memslots) {
    const page = floorPage(gpa);
    const slot = memslotAt(memslots, page, t);
    const { recording } = this.subject;
    const wall = wallTimeAt(recording.wall_start_ns, t);
    const clock = `${recording.clock} ${clockAt(recording.clock_start_ns, t)} ns`;
    const rows = [
      ["time", formatTime(Math.floor(t)), [clock, wall].filter(Boolean).join("\n")],
      ["gpa", formatAddress(page), String(page), "address"],
      ["gfn", `0x${(page / PAGE_SIZE).toString(16)}`, String(page / PAGE_SIZE), "address"],
      ["hva", hvaOf(slot, page), "", "address"],
      ["slot", slotText(slot)],
      ["state", run ? run.state : "no memslot", "", run ? `state state-${run.state}` : ""],
      ...(history && run ? historyRows(summarise(history, run.state)) : []),
      ...cellRows(counts),
    ];
    this.element.replaceChildren(definitionList(rows));
  }
}

/** The map may have no cell there: the window has moved on, or no memslot was there. */
function nullIfMissing(error) {
  if (error instanceof Refused && error.status === 404) return null;
  throw error;
}

function cellRows(cell) {
  if (cell === null) return [];
  const from = parseAddress(cell.gpa_from);
  const to = parseAddress(cell.gpa_to);
  const borders = [
    `${formatAddress(from)} to ${formatAddress(to)}`,
    `${formatTime(cell.from)} to ${formatTime(cell.to)}`,
  ];
  const calls = `${formatCount(cell.conversions)} in the cell, ${formatCount(cell.failed)} failed`;
  return [
    ["cell", `${formatSize(to - from)} × ${formatDuration(cell.to - cell.from)}`, borders.join("\n")],
    ["private", `${formatShare(cell.private)} of the cell's pages and time`],
    ["shared", formatShare(cell.shared)],
    ["unknown", formatShare(cell.unknown)],
    ["conversions", calls],
  ];
}

function historyRows({ conversions, isComplete, since }) {
  const count = `${formatCount(conversions)}${isComplete ? "" : " or more"} so far`;
  const rows = [["page history", `converted ${count}`, "calls whose range covers this page"]];
  if (since === null) return rows;
  const who = since.vcpu === null ? `thread ${since.tid}` : `vCPU ${since.vcpu}`;
  const why = since.cause ? `, ${since.cause} (${since.cause_certainty})` : "";
  const by = since.kind === "conversion" ? `by ${who}${why}` : "events were lost";
  return [["since", `${formatTime(since.t_effect)}, ${by}`], ...rows];
}

function memslotAt(memslots, gpa, t) {
  return memslots.find((slot) => {
    const base = Number(slot.gpa);
    const isAlive = slot.from <= t && (slot.to === null || slot.to > t);
    return isAlive && base <= gpa && gpa < base + slot.size;
  });
}

function hvaOf(slot, gpa) {
  if (!slot || slot.userspace_addr === null) return "–";
  return formatAddress((BigInt(slot.userspace_addr) + BigInt(gpa - Number(slot.gpa))).toString(16));
}

function slotText(slot) {
  if (!slot) return "none at this instant";
  return `${slot.slot}, ${slot.backing}: ${slot.can_be_private ? "can be private" : "never private"}`;
}

function definitionList(rows) {
  const list = document.createElement("dl");
  for (const [term, text, title, className] of rows) {
    const name = document.createElement("dt");
    name.textContent = term;
    const value = document.createElement("dd");
    value.textContent = text;
    if (title) value.title = title;
    if (className) value.className = className;
    list.append(name, value);
  }
  return list;
}
