/** The events in view, or under the cursor: a table that loads on demand. */

import { byId } from "../../shared/dom.js";
import { describeFilters } from "../../shared/event_filters.js";
import { kindText } from "../../shared/event_words.js";
import { formatTime } from "../../shared/time.js";
import { formatCount } from "../../shared/units.js";
import { View } from "../../view/view.js";
import { searchAt } from "../../view/view_url.js";
import { eventRow } from "./event_row.js";

/**
 * @typedef {import("../../shared/rest_types.d.ts").Event} Event
 * @typedef {import("../../shared/rest.js").Parameters} Parameters
 * Which events are asked for; `around`: the number of the one that was chosen among them.
 * @typedef {{filter: Parameters, isUnderCursor: boolean, around: number | null}} Question
 * @typedef {{items: Event[], next: string | null}} Page
 * @typedef {{question: Question, chosen: Event | null, page: Page}} Answer
 */

const PAGE_LENGTH = 100;
/** So many are shown before the chosen event. */
const CONTEXT = 20;
/** Rows that the page keys go on. */
const PAGE_STEP = 10;

export class EventsTable {
  count = 0;
  /** @type {string | null} */
  next = null;
  view = new View();
  /**
   * What was asked with.
   * @type {Parameters}
   */
  filter = {};
  isUnderCursor = false;
  /** @type {Event | null} */
  chosen = null;
  /** @type {Map<number, Event>} the events that are shown, by number */
  #events = new Map();

  body = byId("events-body");
  caption = byId("events-caption");
  moreButton = byId("events-more");

  /** @param {import("../../view/subject.js").Subject} subject */
  constructor(subject) {
    this.subject = subject;
    this.body.addEventListener("keydown", (event) => this.walk(event));
  }

  /**
   * Ask for the first page of what is selected, or for the events around the chosen one.
   * @param {Question} question
   * @param {AbortSignal} signal
   * @returns {Promise<Answer>}
   */
  async load(question, signal) {
    const { filter, around } = question;
    if (around !== null) return this.#loadAround(question, around, signal);
    return {
      question,
      chosen: null,
      page: await this.#ask({ ...filter, limit: PAGE_LENGTH }, signal),
    };
  }

  /**
   * @param {Question} question
   * @param {number} seq
   * @param {AbortSignal} signal
   * @returns {Promise<Answer>}
   */
  async #loadAround(question, seq, signal) {
    const { filter } = question;
    const [earlier, later] = await Promise.all([
      this.#ask({ ...filter, order: "desc", after: seq + 1, limit: CONTEXT + 1 }, signal),
      this.#ask({ ...filter, after: seq, limit: PAGE_LENGTH - CONTEXT }, signal),
    ]);
    const items = [...earlier.items.reverse(), ...later.items];
    const chosen = items.find((event) => event.seq === seq) ?? null;
    return { question, chosen, page: { ...later, items } };
  }

  /**
   * @param {Parameters} parameters
   * @param {AbortSignal} [signal]
   */
  #ask(parameters, signal) {
    return this.subject.resource.get("events", parameters, signal);
  }

  /**
   * Show an answer of `load`.
   * @param {View} view
   * @param {Answer} answer
   */
  draw(view, { question, chosen, page }) {
    this.view = view;
    this.filter = question.filter;
    this.isUnderCursor = question.isUnderCursor;
    this.chosen = chosen;
    this.count = 0;
    const focused = this.#focusedIndex;
    this.body.replaceChildren();
    this.#events.clear();
    this.append(page);
    const current = this.#markChosen();
    if (focused >= 0) this.focusOn(current >= 0 ? current : focused);
  }

  /**
   * The same events in another view: what leads to them has changed.
   * @param {View} view
   */
  follow(view) {
    this.view = view;
    for (const link of this.links) {
      const event = this.#events.get(Number(link.dataset.seq));
      if (event) link.href = searchAt(view, event);
    }
    this.showCaption();
  }

  /**
   * Mark the chosen event, and scroll the table, not the page, to it. Returns which
   * of the links is its; -1: none.
   */
  #markChosen() {
    const { links } = this;
    const current = links.findIndex((link) => link.dataset.seq === String(this.view.event));
    const row = links[current]?.closest("tr");
    if (!row) return -1;
    row.setAttribute("aria-current", "true");
    const box = row.closest(".table-scroll");
    if (box) box.scrollTop = row.offsetTop - (box.clientHeight - row.offsetHeight) / 2;
    for (const each of links) each.tabIndex = each === links[current] ? 0 : -1;
    return current;
  }

  /**
   * There is no event to go on to.
   * @param {string} direction
   */
  showNone(direction) {
    this.caption.textContent = `No ${direction} event${this.among}`;
  }

  /** What the events are chosen from, where that is not all. */
  get among() {
    const filters = describeFilters(this.view.filters);
    return filters ? `: ${filters}` : "";
  }

  /** Load the page after the last one shown. */
  async more() {
    this.append(await this.#ask({ ...this.filter, limit: PAGE_LENGTH, after: this.next }));
  }

  /** @param {Page} page */
  append({ items, next }) {
    const { recording, vm } = this.subject;
    this.next = next;
    this.count += items.length;
    for (const event of items) {
      this.#events.set(event.seq, event);
      this.body.append(eventRow(event, recording, vm.id, searchAt(this.view, event)));
    }
    const { links } = this;
    if (links[0] && !links.some((link) => link.tabIndex === 0)) links[0].tabIndex = 0;
    this.showCaption();
  }

  /** @returns {HTMLAnchorElement[]} */
  get links() {
    return [...this.body.querySelectorAll(/** @type {"a"} */ ("a[data-t]"))];
  }

  get #focusedIndex() {
    return this.links.findIndex((link) => link === document.activeElement);
  }

  /**
   * Tab comes to one event; arrow keys go on from there.
   * @param {KeyboardEvent} event
   */
  walk(event) {
    const here = this.#focusedIndex;
    /** @type {Record<string, number>} */
    const targets = {
      ArrowUp: here - 1,
      ArrowDown: here + 1,
      PageUp: here - PAGE_STEP,
      PageDown: here + PAGE_STEP,
      Home: 0,
      End: Infinity,
    };
    if (here < 0 || !(event.key in targets)) return;
    event.preventDefault();
    this.focusOn(targets[event.key]);
  }

  /** @param {number} index beyond the ends: the first or the last */
  focusOn(index) {
    const { links } = this;
    const link = links[Math.min(Math.max(index, 0), links.length - 1)];
    if (!link) return;
    for (const each of links) each.tabIndex = each === link ? 0 : -1;
    link.focus();
  }

  showCaption() {
    const where = `${this.isUnderCursor ? "under the cursor" : "in view"}${this.among}`;
    const count = formatCount(this.count);
    if (this.chosen) this.caption.textContent = `${aroundText(this.chosen)}${this.among}`;
    else if (this.count === 0) this.caption.textContent = `No such event ${where}`;
    else this.caption.textContent = `${this.next ? "First" : "All"} ${count} ${where}`;
    this.moreButton.hidden = !this.next;
  }
}

/** @param {Event} event */
const aroundText = (event) =>
  `Around event ${formatCount(event.seq)}, ${kindText(event)} at ${formatTime(event.t, 9)}`;
