/** What the table says of an event, in words. */

import { formatCount, formatSize } from "./units.js";

/** Kinds that always concern pages, whether the recording says which or not. */
const HAS_RANGE = new Set(["conversion", "hypercall", "memory_fault", "page_fault", "doubt"]);
/** Kinds that may change the state of pages. */
const CHANGES_STATE = new Set(["conversion", "state_read", "doubt"]);

const SLOT_BITS = 32;

/** What a kind is called where its name does not say it. */
const WORDS = {
  allocate: () => "fallocate of guest_memfd",
  guest_memfd: () => "guest_memfd created",
  loss_begin: ({ aux }) => `events lost: ${Number(aux) ? formatCount(Number(aux)) : "not counted"}`,
  memslot: ({ aux, npages }) => `memslot ${slotOf(aux)} ${npages === 0 ? "deleted" : "set"}`,
  register_region: () => "host memory registered for encryption",
  unregister_region: () => "host memory no longer registered",
  populate: () => "guest_memfd pages allocated",
  depopulate: () => "guest_memfd pages freed",
  population: ({ aux, npages }) => populationText(Number(aux), npages),
  state_read: ({ to }) => `state read from the kernel: ${to}`,
  doubt: ({ to }) => `perhaps of another VM: ${to === "unknown" ? "conversion" : `to ${to}`}`,
};

/** The slot is in the lower half, its flags in the upper. */
const slotOf = (aux) => BigInt.asUintN(SLOT_BITS, BigInt(aux));

function populationText(pages, npages) {
  const of = npages ? ` of ${formatCount(npages)}` : "";
  return `counted: ${formatCount(pages)}${of} pages of guest_memfd exist`;
}

export const isLoss = ({ kind }) => kind.startsWith("loss_");

export function kindText(event) {
  const { kind, to } = event;
  if (kind in WORDS) return WORDS[kind](event);
  const words = kind.replaceAll("_", " ");
  if (kind === "conversion") return to === "unknown" ? "conversion, direction unknown" : `to ${to}`;
  return to === null || to === "unknown" ? words : `${words}: to ${to}`;
}

export const kindTitle = ({ kind, seq, aux }) =>
  `${kind.replaceAll("_", " ")}, number ${seq} of this VM; aux ${aux}`;

/** Whether an event without a range lacks one that it must have had. */
export const lacksRange = ({ kind, gpa }) => gpa === null && HAS_RANGE.has(kind);

export const sizeText = ({ size, gpa }) => (gpa === null ? "–" : formatSize(size));

export function outcomeText({ outcome, errno_name, errno }) {
  return outcome === "failed" ? `failed ${errno_name ?? errno}` : outcome;
}

export function causeText({ cause, cause_certainty }) {
  if (!cause) return "–";
  return cause_certainty === "inferred" ? `${cause} (inferred)` : cause;
}

export function changedText({ kind, effective_pages }) {
  if (!CHANGES_STATE.has(kind)) return "–";
  return effective_pages === null ? "not recorded" : formatCount(effective_pages);
}

export const vcpuText = ({ vcpu }) => (vcpu === null ? "–" : String(vcpu));

/** Thread 0 is the idle task: of an event that nobody made, there is none. */
export const threadText = ({ tid }) => (tid ? String(tid) : "–");
