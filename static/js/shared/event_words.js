/** An event in words, as the table shows it. */

/** @typedef {import("./rest_types.d.ts").Event} Event */

import { EVENT_KINDS } from "./event_kinds.js";
import { markText, phaseMark } from "./phase_marks.js";
import { formatCount, formatSize } from "./units.js";

const SLOT_BITS = 32;

/**
 * What follows the words of a kind.
 * @type {Record<string, (event: Event) => string>}
 */
const DETAILS = {
  loss_begin: ({ aux }) => `: ${Number(aux) ? formatCount(Number(aux)) : "not counted"}`,
  memslot: ({ aux, npages }) => ` ${slotOf(aux)} ${npages === 0 ? "deleted" : "set"}`,
  population: ({ aux, npages }) => `: ${populationText(Number(aux), npages)}`,
  state_read: ({ to }) => `: ${to}`,
  doubt: ({ to }) => `: ${to === "unknown" ? "conversion" : `to ${to}`}`,
  expired: ({ aux }) => `: ${formatCount(Number(aux))}`,
  phase_mark: ({ aux }) => `: ${markText(phaseMark(aux))}`,
};

/**
 * The slot is in the lower half, its flags in the upper.
 * @param {string} aux
 */
const slotOf = (aux) => BigInt.asUintN(SLOT_BITS, BigInt(aux));

/**
 * @param {number} pages
 * @param {number | null} npages
 */
function populationText(pages, npages) {
  const of = npages ? ` of ${formatCount(npages)}` : "";
  return `${formatCount(pages)}${of} pages of guest_memfd exist`;
}

/**
 * Whether nothing else is known of it.
 * @param {Event} event
 */
export const isLoss = ({ kind }) => kind.startsWith("loss_") || kind === "expired";

/** @param {Event} event */
export function kindText(event) {
  const { kind } = event;
  const to = event.to ?? "unknown";
  const words = EVENT_KINDS[kind]?.words ?? kind.replaceAll("_", " ");
  if (kind in DETAILS) return words + DETAILS[kind](event);
  if (kind === "conversion") return to === "unknown" ? "conversion, direction unknown" : `to ${to}`;
  return to === "unknown" ? words : `${words}: to ${to}`;
}

/** @param {Event} event */
export const kindTitle = ({ kind, seq, aux }) =>
  `${kind.replaceAll("_", " ")}, number ${seq} of this VM; aux ${aux}`;

/**
 * Whether an event without a range lacks one that it must have had.
 * @param {Event} event
 */
export const lacksRange = ({ kind, gpa }) => gpa === null && (EVENT_KINDS[kind]?.hasRange ?? false);

/** @param {Event} event */
export const sizeText = ({ size, gpa }) => (gpa === null || size === null ? "–" : formatSize(size));

/** @param {Event} event */
export function outcomeText({ outcome, errno_name, errno }) {
  return outcome === "failed" ? `failed ${errno_name ?? errno}` : outcome;
}

/** @param {Event} event */
export function causeText({ cause, cause_certainty }) {
  if (!cause) return "–";
  return cause_certainty === "inferred" ? `${cause} (inferred)` : cause;
}

/** @param {Event} event */
export function changedText({ kind, effective_pages }) {
  if (!EVENT_KINDS[kind]?.changesState) return "–";
  return effective_pages === null ? "not recorded" : formatCount(effective_pages);
}

/** @param {Event} event */
export const vcpuText = ({ vcpu }) => (vcpu === null ? "–" : String(vcpu));

/**
 * Thread 0 is the idle task: of an event that nobody made, there is none.
 * @param {Event} event
 */
export const threadText = ({ tid }) => (tid ? String(tid) : "–");
