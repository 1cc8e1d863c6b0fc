/** An event as a row of the table. */

import { made } from "../../shared/dom.js";
import {
  causeText,
  changedText,
  isLoss,
  kindText,
  kindTitle,
  lacksRange,
  outcomeText,
  sizeText,
  threadText,
  vcpuText,
} from "../../shared/event_words.js";
import { PAGE_SIZE, formatAddress } from "../../shared/gpa.js";
import { historyUrl } from "../../shared/links.js";
import { clockText, formatDuration, formatTime } from "../../shared/time.js";

/**
 * @typedef {import("../../shared/rest_types.d.ts").Event} Event
 * @typedef {import("../../shared/rest_types.d.ts").RecordingView} Recording
 */

/** Of the columns after the time. */
const OTHER_COLUMNS = 9;

/**
 * @param {Event} event
 * @param {Recording} recording
 * @param {number} vmId
 * @param {string} href puts the cursor on the event
 */
export function eventRow(event, recording, vmId, href) {
  const row = made("tr", "", `outcome-${event.outcome}`);
  row.dataset.seq = String(event.seq);
  const cells = isLoss(event) ? [spanning(kindText(event))] : cellsOf(event, vmId);
  row.append(timeCell(event, recording, href), ...cells);
  return row;
}

/**
 * @param {string} text
 * @param {string} [title]
 * @param {string} [className]
 */
const cell = (text, title, className) => made("td", text, className, title);

/**
 * @param {Event} event
 * @param {number} vmId
 */
function cellsOf(event, vmId) {
  const { latency_ns } = event;
  return [
    cell(kindText(event), kindTitle(event), `kind to-${event.to}`),
    rangeCell(event, vmId),
    cell(sizeText(event)),
    cell(outcomeText(event), `errno ${event.errno}`, "outcome"),
    cell(causeText(event), `cause ${event.cause ?? "none"}, ${event.cause_certainty}`),
    cell(vcpuText(event), "", "number"),
    cell(threadText(event), "", "number"),
    latency_ns === null
      ? cell("–", "", "number")
      : cell(formatDuration(latency_ns), `${latency_ns} ns`, "number"),
    cell(changedText(event), "", "number"),
  ];
}

/**
 * The time, as a link that puts the cursor on the event.
 * @param {Event} event
 * @param {Recording} recording
 * @param {string} href
 */
function timeCell(event, recording, href) {
  const title = clockText(recording, event.t, event.clock_ns);
  const link = made("a", formatTime(event.t, 9), "", title);
  link.href = href;
  link.dataset.t = String(event.t_effect);
  link.dataset.seq = String(event.seq);
  if (event.gpa !== null) link.dataset.gpa = event.gpa;
  link.tabIndex = -1;
  const wrapper = cell("", "", "number");
  wrapper.append(link);
  return wrapper;
}

/**
 * A cell as wide as all columns after the time: nothing else is known of a loss.
 * @param {string} text
 */
function spanning(text) {
  const wide = cell(text, "", "lost");
  wide.colSpan = OTHER_COLUMNS;
  return wide;
}

/**
 * The address, as a link to all events of these pages. It is no stop of Tab: there are hundreds.
 * @param {Event} event
 * @param {number} vmId
 */
function rangeCell(event, vmId) {
  const { gpa, gfn, npages, range_certainty } = event;
  if (gpa === null || gfn === null) return lacksRange(event) ? unknownRange() : cell("–");
  const mark = range_certainty === "inferred" ? " (inferred)" : "";
  const title = `gfn 0x${gfn.toString(16)}, ${range_certainty}: every event of it`;
  const wrapper = cell("", title, "address");
  const link = made("a", formatAddress(gpa));
  link.href = historyUrl(vmId, gfn * PAGE_SIZE, Math.max(npages ?? 0, 1));
  link.tabIndex = -1;
  wrapper.append(link, mark);
  return wrapper;
}

const unknownRange = () => cell("unknown", "The recording does not name the pages.");
