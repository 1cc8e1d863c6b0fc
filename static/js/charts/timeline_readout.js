/** The timeline in words: what a bucket of it holds, and which events it counts. */

/**
 * @typedef {import("../view/view.js").View} View
 * @typedef {import("../shared/rest_types.d.ts").TimelineView} Counts
 * @typedef {import("../shared/rest_types.d.ts").Event} Event
 */

import { describeFilters } from "../shared/event_filters.js";
import { PAGE_SIZE } from "../shared/gpa.js";
import { marksText, phaseMark } from "../shared/phase_marks.js";
import { formatDuration, formatTime } from "../shared/time.js";
import { formatCount, formatSize } from "../shared/units.js";

/**
 * Which events are counted, where that is not all.
 * @param {View} view
 */
export function countedText({ filters, gpaFrom, gpaTo }) {
  const where = gpaFrom === null && gpaTo === null ? "" : "at the shown addresses";
  const counted = [describeFilters(filters), where].filter(Boolean).join("; ");
  return counted ? `counted: ${counted}. Bytes are of the whole VM.` : "";
}

/**
 * Private bytes and mixed blocks at a bucket's end, as far as they are known.
 * @param {Counts} counts
 * @param {number} bucket
 */
function stateText({ private: isPrivate, unknown, mixed_2m }, bucket) {
  const [pages, mixed] = [isPrivate[bucket], mixed_2m[bucket]];
  const bytes =
    pages === null ? "private bytes not recorded" : `${formatSize(pages * PAGE_SIZE)} private`;
  if (mixed === null) return `${bytes}, mixed 2 MiB blocks not recorded`;
  const least = unknown[bucket] === 0 ? "" : "at least ";
  return `${bytes}, ${least}${formatCount(mixed)} mixed 2 MiB blocks`;
}

/**
 * @param {Counts} counts
 * @param {number} bucket
 */
function faultText({ page_faults, private_faults }, bucket) {
  const [all, known] = [page_faults[bucket], private_faults[bucket]];
  if (all === null) return "page faults not recorded";
  const faults = `${formatCount(all)} page faults`;
  if (all === 0) return faults;
  return known === null
    ? `${faults} (private or not is not recorded)`
    : `${faults} (${formatCount(known)} known to be private)`;
}

/**
 * @param {Counts} counts
 * @param {number} bucket
 */
function conversionTexts({ to_private, to_shared, to_unknown, failed, unconfirmed }, bucket) {
  const all = /** @type {const} */ ([
    [to_private, "to private", true],
    [to_shared, "to shared", true],
    [to_unknown, "of unknown direction", false],
    [failed, "failed", true],
    [unconfirmed, "unconfirmed", false],
  ]);
  if (to_private[bucket] === null) return ["conversions not counted: their events have expired"];
  return all
    .filter(([counts, , isShown]) => isShown || counts[bucket])
    .map(([counts, words]) => `${formatCount(counts[bucket] ?? 0)} ${words}`);
}

/**
 * Everything that is known of one bucket, on one line.
 * @param {Parameters<typeof bucketParts>} given
 */
export function bucketText(...given) {
  const [when, counts, state] = bucketParts(...given);
  return `${when}: ${counts.join(", ")}; ${state}`;
}

/**
 * Everything that is known of one bucket: when it is, what happened in it, the state at its end.
 * @param {Counts} counts
 * @param {number} bucket
 * @param {Event[]} marks the phase marks in it
 * @param {boolean} hasFaults whether the VM had any guest page fault
 * @returns {[string, string[], string]}
 */
export function bucketParts(counts, bucket, marks, hasFaults) {
  const { edges } = counts;
  const length = formatDuration(edges[bucket + 1] - edges[bucket]);
  const parts = conversionTexts(counts, bucket);
  if (hasFaults) parts.push(faultText(counts, bucket));
  if (marks.length) parts.push(marksText(marks.map(({ aux }) => phaseMark(aux))));
  return [`${formatTime(edges[bucket])}, ${length}`, parts, `then ${stateText(counts, bucket)}`];
}
