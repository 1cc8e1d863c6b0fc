/** The events in view, or under the cursor: a table that loads on demand. */

import { searchAt } from "../../charts/view_url.js";
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
import { describeFilters } from "../../shared/event_filters.js";
import { historyUrl } from "../../shared/links.js";
import { PAGE_SIZE, formatAddress } from "../../shared/gpa.js";
import { address, fetchJson } from "../../shared/rest.js";
import { clockText, formatDuration, formatTime } from "../../shared/time.js";
import { formatCount } from "../../shared/units.js";

const PAGE_LENGTH = 100;
/** So many are shown before the chosen event. */
const CONTEXT = 20;
/** Rows that the page keys go on. */
const PAGE_STEP = 10;

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
    parts.body.addEventListener("keydown", (event) => this.walk(event));
  }

  /** Ask for the first page of what `filter` selects. */
  async load(filter, isUnderCursor, signal) {
    const answer = await fetchJson(this.urlOf({ ...filter, limit: PAGE_LENGTH }), signal);
    return { filter, isUnderCursor, answer };
  }

  /** Ask for the events around a chosen one, among those that `filter` leaves. */
  async loadAround(filter, seq, signal) {
    const before = { ...filter, order: "desc", after: seq + 1, limit: CONTEXT + 1 };
    const after = { ...filter, after: seq, limit: PAGE_LENGTH - CONTEXT };
    const [earlier, later] = await Promise.all(
      [before, after].map((parameters) => fetchJson(this.urlOf(parameters), signal)),
    );
    const items = [...earlier.items.reverse(), ...later.items];
    const chosen = items.find((event) => event.seq === seq) ?? null;
    return { filter, isUnderCursor: false, chosen, answer: { ...later, items } };
  }

  /** Show an answer of `load` or `loadAround`. */
  draw(view, { filter, isUnderCursor, chosen = null, answer }) {
    Object.assign(this, { view, filter, isUnderCursor, chosen, count: 0 });
    const focused = this.links.indexOf(document.activeElement);
    this.parts.body.replaceChildren();
    this.append(answer);
    const current = this.links.indexOf(this.markChosen());
    if (focused >= 0) this.focusOn(current >= 0 ? current : focused);
  }

  /** Tell the chosen event from the others, and scroll the table, not the page, to it. */
  markChosen() {
    const row = this.parts.body.querySelector(`[data-seq="${this.view.event}"]`);
    if (!row) return null;
    row.setAttribute("aria-current", "true");
    const box = row.closest(".table-scroll");
    box.scrollTop = row.offsetTop - (box.clientHeight - row.offsetHeight) / 2;
    const link = row.querySelector("a[data-t]");
    for (const each of this.links) each.tabIndex = each === link ? 0 : -1;
    return link;
  }

  /** There is no event to go on to. */
  tellNone(direction) {
    this.parts.caption.textContent = `No ${direction} event${this.among}`;
  }

  /** What the events are chosen from, where that is not all. */
  get among() {
    const filters = describeFilters(this.view.filters);
    return filters ? `: ${filters}` : "";
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
    if (this.links[0] && !this.links.some((link) => link.tabIndex === 0)) {
      this.links[0].tabIndex = 0;
    }
    this.say();
  }

  get links() {
    return [...this.parts.body.querySelectorAll("a[data-t]")];
  }

  /** Tab comes to one event; arrow keys go on from there. */
  walk(event) {
    const here = this.links.indexOf(event.target);
    const steps = {
      ArrowUp: here - 1,
      ArrowDown: here + 1,
      PageUp: here - PAGE_STEP,
      PageDown: here + PAGE_STEP,
      Home: 0,
      End: Infinity,
    };
    if (here < 0 || !(event.key in steps)) return;
    event.preventDefault();
    this.focusOn(steps[event.key]);
  }

  focusOn(index) {
    const { links } = this;
    const link = links[Math.min(Math.max(index, 0), links.length - 1)];
    if (!link) return;
    for (const each of links) each.tabIndex = each === link ? 0 : -1;
    link.focus();
  }

  urlOf(parameters) {
    return address(`/api/v1/vms/${this.subject.vmId}/events`, parameters);
  }

  say() {
    const { caption, more } = this.parts;
    const where = `${this.isUnderCursor ? "under the cursor" : "in view"}${this.among}`;
    const count = formatCount(this.count);
    if (this.chosen) {
      caption.textContent = `Around event ${formatCount(this.chosen.seq)}, ${this.whatIsChosen}${this.among}`;
    } else if (this.count === 0) caption.textContent = `No such event ${where}`;
    else caption.textContent = this.next ? `First ${count} ${where}` : `All ${count} ${where}`;
    more.hidden = !this.next;
  }

  get whatIsChosen() {
    return `${kindText(this.chosen)} at ${formatTime(this.chosen.t, 9)}`;
  }

  row(event) {
    const row = document.createElement("tr");
    row.dataset.seq = event.seq;
    row.className = `outcome-${event.outcome}`;
    if (isLoss(event)) {
      row.append(this.timeCell(event), spanning(kindText(event)));
      return row;
    }
    row.append(
      this.timeCell(event),
      cell(kindText(event), kindTitle(event), `kind to-${event.to}`),
      rangeCell(event, this.subject.vmId),
      cell(sizeText(event)),
      cell(outcomeText(event), `errno ${event.errno}`, "outcome"),
      cell(causeText(event), `cause ${event.cause ?? "none"}, ${event.cause_certainty}`),
      cell(vcpuText(event), "", "number"),
      cell(threadText(event), "", "number"),
      cell(
        event.latency_ns === null ? "–" : formatDuration(event.latency_ns),
        event.latency_ns === null ? "" : `${event.latency_ns} ns`,
        "number",
      ),
      cell(changedText(event), "", "number"),
    );
    return row;
  }

  /** The time, as a link that puts the cursor on the event. */
  timeCell(event) {
    const link = document.createElement("a");
    link.href = searchAt(this.view, event);
    link.textContent = formatTime(event.t, 9);
    link.dataset.t = event.t_effect;
    link.dataset.seq = event.seq;
    link.tabIndex = -1;
    if (event.gpa !== null) link.dataset.gpa = event.gpa;
    link.title = clockText(this.subject.recording, event.t, event.clock_ns ?? undefined);
    const wrapper = document.createElement("td");
    wrapper.className = "number";
    wrapper.append(link);
    return wrapper;
  }
}

/** A cell as wide as all columns after the time: nothing else is known of a loss. */
function spanning(text) {
  const wide = cell(text, "", "lost");
  wide.colSpan = 9;
  return wide;
}

function cell(text, title = "", className = "") {
  const element = document.createElement("td");
  element.textContent = text;
  if (title) element.title = title;
  if (className) element.className = className;
  return element;
}

/** The address, as a link to all events of these pages. It is no stop of Tab: there are hundreds. */
function rangeCell(event, vmId) {
  const { gpa, gfn, npages, range_certainty } = event;
  if (gpa === null) return lacksRange(event) ? unknownRange() : cell("–");
  const mark = range_certainty === "inferred" ? " (inferred)" : "";
  const wrapper = cell(
    "",
    `gfn 0x${gfn.toString(16)}, ${range_certainty}: every event of it`,
    "address",
  );
  const link = document.createElement("a");
  link.href = historyUrl(vmId, gfn * PAGE_SIZE, Math.max(npages, 1));
  link.textContent = formatAddress(gpa);
  link.tabIndex = -1;
  wrapper.append(link, mark);
  return wrapper;
}

const unknownRange = () => cell("unknown", "The recording does not name the pages.");
