/** The events in view, or under the cursor: a table that loads on demand. */

import { formatAddress } from "./gpa.js";
import { address, fetchJson } from "./rest.js";
import { clockAt, formatDuration, formatTime } from "./time.js";
import { formatCount, formatSize } from "./units.js";

const PAGE_LENGTH = 100;

export class EventsTable {
  count = 0;
  next = null;

  /**
   * @param {{body: HTMLElement, caption: HTMLElement, more: HTMLButtonElement}} parts
   * @param {{vmId: number, recording: object}} subject
   */
  constructor(parts, subject) {
    this.parts = parts;
    this.subject = subject;
  }

  /** Ask for the first page of what `filter` selects. */
  async load(filter, isUnderCursor, signal) {
    const answer = await fetchJson(this.urlOf({ ...filter, limit: PAGE_LENGTH }), signal);
    return { filter, isUnderCursor, answer };
  }

  /** Show an answer of `load`. */
  draw(view, { filter, isUnderCursor, answer }) {
    Object.assign(this, { view, filter, isUnderCursor, count: 0 });
    this.parts.body.replaceChildren();
    this.append(answer);
  }

  /** Load the page after the last one shown. */
  async more() {
    const answer = await fetchJson(
      this.urlOf({ ...this.filter, limit: PAGE_LENGTH, after: this.next }),
    );
    this.append(answer);
  }

  append({ items, next }) {
    this.next = next;
    this.count += items.length;
    this.parts.body.append(...items.map((event) => this.row(event)));
    this.say();
  }

  urlOf(parameters) {
    return address(`/api/v1/vms/${this.subject.vmId}/events`, parameters);
  }

  say() {
    const { caption, more } = this.parts;
    const where = this.isUnderCursor ? "under the cursor" : "in view";
    const count = formatCount(this.count);
    if (this.count === 0) caption.textContent = `No such event ${where}.`;
    else caption.textContent = this.next ? `First ${count} ${where}` : `All ${count} ${where}`;
    more.hidden = !this.next;
  }

  row(event) {
    const row = document.createElement("tr");
    row.className = `outcome-${event.outcome}`;
    if (isLoss(event)) {
      row.append(this.timeCell(event), spanning(kindText(event)));
      return row;
    }
    row.append(
      this.timeCell(event),
      cell(kindText(event), kindTitle(event), `kind to-${event.to}`),
      rangeCell(event),
      cell(sizeText(event)),
      cell(outcomeText(event), `errno ${event.errno}`, "outcome"),
      cell(causeText(event), `cause ${event.cause ?? "none"}, ${event.cause_certainty}`),
      cell(event.vcpu === null ? `tid ${event.tid}` : `vCPU ${event.vcpu}`, `tid ${event.tid}`),
      cell(event.latency_ns === null ? "–" : formatDuration(event.latency_ns),
        event.latency_ns === null ? "" : `${event.latency_ns} ns`, "number"),
      cell(isCall(event) ? formatCount(event.effective_pages) : "–", "", "number"),
    );
    return row;
  }

  /** The time, as a link that puts the cursor on the event. */
  timeCell(event) {
    const link = document.createElement("a");
    link.href = this.view.searchAt(event.t_effect, event.gpa);
    link.textContent = formatTime(event.t, 9);
    link.dataset.t = event.t_effect;
    if (event.gpa !== null) link.dataset.gpa = event.gpa;
    const { clock, clock_start_ns } = this.subject.recording;
    link.title = `${clock} ${event.clock_ns ?? clockAt(clock_start_ns, event.t)} ns`;
    const wrapper = document.createElement("td");
    wrapper.className = "number";
    wrapper.append(link);
    return wrapper;
  }
}

/** Kinds that always concern pages, whether the recording says which or not. */
const HAS_RANGE = new Set(["conversion", "hypercall", "memory_fault", "page_fault"]);

const isLoss = (event) => event.kind.startsWith("loss_");

/** A cell as wide as all columns after the time: nothing else is known of a loss. */
function spanning(text) {
  const wide = cell(text, "", "lost");
  wide.colSpan = 8;
  return wide;
}

const isCall = (event) => event.kind === "conversion";

function cell(text, title = "", className = "") {
  const element = document.createElement("td");
  element.textContent = text;
  if (title) element.title = title;
  if (className) element.className = className;
  return element;
}

function kindText({ kind, to, aux }) {
  const words = kind.replaceAll("_", " ");
  if (kind === "loss_begin") return `events lost: ${lostText(aux)}`;
  if (kind === "conversion") return to === "unknown" ? "conversion, direction unknown" : `to ${to}`;
  return to === null || to === "unknown" ? words : `${words}: to ${to}`;
}

const lostText = (aux) => (Number(aux) ? formatCount(Number(aux)) : "not counted");

const kindTitle = ({ kind, seq }) => `${kind.replaceAll("_", " ")}, number ${seq} of this VM`;

function rangeCell({ kind, gpa, gfn, range_certainty }) {
  if (gpa === null) return HAS_RANGE.has(kind) ? unknownRange() : cell("–");
  const mark = range_certainty === "inferred" ? " (inferred)" : "";
  return cell(formatAddress(gpa) + mark, `gfn 0x${gfn.toString(16)}, ${range_certainty}`, "address");
}

const unknownRange = () => cell("unknown", "The recording does not say which pages.");

function sizeText({ size, gpa }) {
  return gpa === null ? "–" : formatSize(size);
}

function outcomeText({ outcome, errno_name, errno }) {
  return outcome === "failed" ? `failed ${errno_name ?? errno}` : outcome;
}

function causeText({ cause, cause_certainty }) {
  if (!cause) return "–";
  return cause_certainty === "inferred" ? `${cause} (inferred)` : cause;
}
