/**
 * What the inspector shows, as rows.
 * @typedef {import("../../view/view.js").Memslot} Memslot
 * @typedef {import("../../view/view.js").Measure} Measure
 * @typedef {import("../../shared/rest_types.d.ts").CellView} Cell
 * @typedef {import("../../shared/rest_types.d.ts").Event} Event
 * @typedef {{term: string, text: string, title?: string, className?: string, href?: string}} InspectorRow
 */

import { PAGE_SIZE, formatAddress, parseAddress, toHex } from "../../shared/gpa.js";
import { historyUrl } from "../../shared/links.js";
import { isAlive } from "../../shared/memslots.js";
import { clockText, formatDuration, formatTime, wallTimeAt } from "../../shared/time.js";
import { formatCount, formatShare, formatSize } from "../../shared/units.js";

/**
 * @param {string} term
 * @param {string} text
 * @param {string} [title]
 * @returns {InspectorRow}
 */
const addressRow = (term, text, title = "") => ({ term, text, title, className: "address" });

/**
 * @param {number} t
 * @param {number} page
 * @param {import("../../shared/rest_types.d.ts").RecordingView} recording
 * @returns {InspectorRow[]}
 */
export function placeRows(t, page, recording) {
  const clock = clockText(recording, t);
  const wall = wallTimeAt(recording, t);
  const gfn = page / PAGE_SIZE;
  return [
    { term: "time", text: formatTime(t), title: [clock, wall].filter(Boolean).join("\n") },
    addressRow("gpa", formatAddress(page), String(page)),
    addressRow("gfn", toHex(gfn), String(gfn)),
  ];
}

/**
 * @param {Memslot[]} memslots
 * @param {number} page
 * @param {number} t
 * @returns {InspectorRow[]}
 */
export function memslotRows(memslots, page, t) {
  const slot = memslotAt(memslots, page, t);
  if (!slot) return [{ term: "slot", text: "none known at this instant" }];
  const ability = slot.can_be_private ? "can be private" : "never private";
  return [
    hvaRow(slot, page),
    { term: "slot", text: `${slot.slot ?? "unknown id"}, ${slot.backing}: ${ability}` },
  ];
}

/**
 * @param {Memslot} slot
 * @param {number} page
 * @returns {InspectorRow}
 */
function hvaRow({ userspace_addr, gpa }, page) {
  if (userspace_addr === null) return { term: "hva", text: "not recorded" };
  const hva = BigInt(userspace_addr) + BigInt(page - Number(gpa));
  return addressRow("hva", formatAddress(hva.toString(16)));
}

/**
 * @param {Cell | null} cell
 * @param {{measure: Measure, hasFaults: boolean}} shown the map's measure comes first
 * @returns {InspectorRow[]}
 */
export function cellRows(cell, { measure, hasFaults }) {
  if (cell === null) return [];
  const from = parseAddress(cell.gpa_from);
  const to = parseAddress(cell.gpa_to);
  const borders = [
    `${formatAddress(from)} to ${formatAddress(to)}`,
    `${formatTime(cell.from)} to ${formatTime(cell.to)}`,
  ];
  /** @type {Record<Measure, InspectorRow[]>} */
  const measures = {
    private: stateRows(cell),
    conversions: [{ term: "conversions", text: callsText(cell) }],
    page_faults: [{ term: "page faults", text: hasFaults ? faultsText(cell) : "none recorded" }],
    ping_pong: [{ term: "ping-pong", text: returnsText(cell) }],
    mixed: [{ term: "mixed 2 MiB", text: mixedText(cell) }],
  };
  const others = Object.entries(measures).filter(([name]) => name !== measure);
  return [
    {
      term: "cell",
      text: `${formatSize(to - from)} × ${formatDuration(cell.to - cell.from)}`,
      title: borders.join("\n"),
    },
    ...measures[measure].map((row) => ({ ...row, className: "measured" })),
    ...others.flatMap(([, rows]) => rows),
  ];
}

/** @param {Cell} cell */
function stateRows(cell) {
  return [
    { term: "private", text: `${formatShare(cell.private)} of the cell's pages and time` },
    { term: "shared", text: formatShare(cell.shared) },
    { term: "unknown", text: formatShare(cell.unknown) },
  ];
}

const NOT_KEPT = "not kept by the version that stored this";

/**
 * Nothing is known where pages are unknown; else an earlier version kept nothing.
 * @param {Cell} cell
 */
const whyNothing = ({ unknown }) => (unknown > 0 ? "not recorded" : NOT_KEPT);

/**
 * A number of a cell, which may be a lower bound.
 * @param {Cell} cell
 * @param {"conversions" | "failed" | "returns" | "mixed"} name
 */
function numberText(cell, name, format = formatCount) {
  const value = cell[name];
  if (value === null) return "not recorded";
  return cell.at_least.includes(name) ? `at least ${format(value)}` : format(value);
}

/** @param {Cell} cell */
const returnsText = (cell) =>
  cell.returns === null
    ? whyNothing(cell)
    : `${numberText(cell, "returns")} returns of ${formatCount(cell.npages)} pages`;

/** @param {Cell} cell */
const mixedText = (cell) =>
  cell.mixed === null
    ? whyNothing(cell)
    : `${numberText(cell, "mixed", formatShare)} of the cell's pages and time in mixed blocks`;

/** @param {Cell} cell */
function callsText(cell) {
  const unplaced = `${formatCount(cell.unplaced)} in its time whose range is not recorded`;
  if (cell.conversions === null) return unplaced;
  const placed = `${numberText(cell, "conversions")} in the cell, ${numberText(cell, "failed")} failed`;
  return cell.unplaced ? `${placed}; ${unplaced}` : placed;
}

/** @param {Cell} cell */
function faultsText(cell) {
  if (cell.page_faults === null) return "not recorded";
  const faults = `${formatCount(cell.page_faults)} in the cell`;
  if (!cell.page_faults) return faults;
  return cell.private_faults === null
    ? `${faults}, private or not is not recorded`
    : `${faults}, ${formatCount(cell.private_faults)} known to be private`;
}

/**
 * @param {{state: string} | null} run
 * @returns {InspectorRow}
 */
export function stateRow(run) {
  if (run === null) return { term: "state", text: "no memslot" };
  return { term: "state", text: run.state, className: `state state-${run.state}` };
}

/**
 * Since when, and how often; the link shows this page alone, with all its events.
 * @param {ReturnType<typeof import("./page_history.js").summarise>} history
 * @param {number} page
 * @param {string} search
 * @returns {InspectorRow[]}
 */
export function historyRows({ conversions, isComplete, since }, page, search) {
  const query = new URLSearchParams(search);
  query.set("gpa_from", toHex(page));
  query.set("gpa_to", toHex(page + PAGE_SIZE));
  const calls = `${formatCount(conversions)} ${conversions === 1 ? "conversion" : "conversions"}`;
  const history = {
    term: "page history",
    text: `${isComplete ? "" : "at least "}${calls} so far`,
    title: "calls whose range covers this page; the link shows the page alone",
    href: `?${query}`,
  };
  return since === null ? [history] : [{ term: "since", text: sinceText(since) }, history];
}

/**
 * To the page of its own that has every event of a page, with its state afterwards.
 * @param {number} vmId
 * @param {number} page
 * @returns {InspectorRow}
 */
export function lifeRow(vmId, page) {
  return { term: "its events", text: "life of this page", href: historyUrl(vmId, page, 1) };
}

/** @param {Event} event */
function sinceText(event) {
  if (event.kind === "state_read") {
    return `${formatTime(event.t_effect)} or before: read from the kernel then`;
  }
  if (event.kind === "doubt") {
    return `${formatTime(event.t_effect)}, by a call that may have been of another VM`;
  }
  if (event.kind !== "conversion") return `${formatTime(event.t_effect)}, events were lost`;
  const thread = event.tid ? `thread ${event.tid}` : "an unknown thread";
  const who = event.vcpu === null ? thread : `vCPU ${event.vcpu}`;
  const why = event.cause ? `, ${event.cause} (${event.cause_certainty})` : "";
  return `${formatTime(event.t_effect)}, by ${who}${why}`;
}

/**
 * @param {Memslot[]} memslots
 * @param {number} gpa
 * @param {number} t
 */
function memslotAt(memslots, gpa, t) {
  return memslots.find((slot) => {
    const base = Number(slot.gpa);
    return isAlive(slot, t) && base <= gpa && gpa < base + slot.size;
  });
}
