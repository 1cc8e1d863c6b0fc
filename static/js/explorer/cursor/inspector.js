/** What is under the pointer or the cursor: address, slot, state, and the exact counts of the cell. */

import { byId, made } from "../../shared/dom.js";
import { PAGE_SIZE, floorPage, toHex } from "../../shared/gpa.js";
import { Latest, Refused } from "../../shared/rest.js";
import {
  cellRows,
  historyRows,
  lifeRow,
  memslotRows,
  placeRows,
  stateRow,
} from "./inspector_rows.js";
import { loadHistory, summarise } from "./page_history.js";

/**
 * @typedef {import("../../view/view.js").Measure} Measure
 * @typedef {import("../../shared/rest.js").Parameters & {measure: Measure}} MapQuestion the map's own
 * A cell of the map at an instant and an address. A kept place gets its history too, by a link to the
 * view of `search`.
 * @typedef {{t: number, gpa: number, isKept: boolean, search?: string}} Place
 * @typedef {Awaited<ReturnType<Inspector["load"]>>} Answer
 */

const SETTLE_MS = 50;

export class Inspector {
  #latest = new Latest();
  /** @type {{key: string, answer: Answer} | null} */
  #shown = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  element = byId("inspector");
  title = byId("inspector-title");
  hint = [...this.element.childNodes];

  /** @param {import("../../view/subject.js").Subject} subject */
  constructor(subject) {
    this.subject = subject;
  }

  /** What is shown may have changed: ask again. */
  forget() {
    this.#shown = null;
  }

  /**
   * Show the cell of the map at a place. The answer that is shown serves another measure, too.
   * @param {Place} at
   * @param {MapQuestion} question
   * @param {(error: unknown) => void} onError
   */
  show(at, question, onError) {
    clearTimeout(this.#timer);
    if (this.#shown?.key === keyOf(at, question)) {
      this.draw(at, this.#shown.answer, question);
      return;
    }
    this.#timer = setTimeout(() => {
      this.#latest
        .run((signal) => this.load(at, question, signal))
        .then((answer) => answer && this.draw(at, answer, question))
        .catch(onError);
    }, SETTLE_MS);
  }

  /**
   * The same of a place that moves: what is quick to ask for. Resolves once it is shown.
   * @param {{t: number, gpa: number}} place
   * @param {MapQuestion} question
   * @param {AbortSignal} signal
   */
  async follow(place, question, signal) {
    clearTimeout(this.#timer);
    const at = { ...place, isKept: false };
    const answer = await this.load(at, question, signal);
    if (signal.aborted) return;
    this.draw(at, answer, question);
    this.title.textContent = "Under the cursor";
  }

  clear() {
    clearTimeout(this.#timer);
    this.#latest.run(() => undefined);
    this.#shown = null;
    this.element.replaceChildren(...this.hint);
    this.title.textContent = "Under the pointer";
  }

  /**
   * @param {Place} at
   * @param {MapQuestion} question
   * @param {AbortSignal} signal
   */
  async load({ t, gpa, isKept }, question, signal) {
    const { resource } = this.subject;
    const page = floorPage(gpa);
    const cell = { ...question, measure: null, t: Math.floor(t), gpa: toHex(page) };
    const state = { at: Math.floor(t), gpa_from: toHex(page), gpa_to: toHex(page + PAGE_SIZE) };
    const [counts, { runs }, history] = await Promise.all([
      resource.get("raster/cell", cell, signal).catch(nullIfMissing),
      resource.get("state", state, signal),
      isKept ? loadHistory(resource, page, Math.floor(t), signal) : null,
    ]);
    return { counts, run: runs[0] ?? null, history };
  }

  /**
   * @param {Place} at
   * @param {Answer} answer
   * @param {MapQuestion} question
   */
  draw(at, answer, question) {
    const { t, gpa, isKept, search = "" } = at;
    const { counts, run, history } = answer;
    const { measure } = question;
    const { memslots, recording, vm } = this.subject;
    const page = floorPage(gpa);
    const hasFaults = (vm.events.page_fault ?? 0) > 0;
    const rows = [
      ...placeRows(Math.floor(t), page, recording),
      ...memslotRows(memslots, page, t),
      stateRow(run),
      ...(history && run ? historyRows(summarise(history, run.state), page, search) : []),
      ...(isKept ? [lifeRow(vm.id, page)] : []),
      ...cellRows(counts, { measure, hasFaults }),
    ];
    this.#shown = { key: keyOf(at, question), answer };
    this.title.textContent = isKept ? "Under the cursor" : "Under the pointer";
    this.element.replaceChildren(definitionList(rows));
  }
}

/**
 * What an answer depends on: all but the measure.
 * @param {Place} at
 * @param {MapQuestion} question
 */
const keyOf = ({ t, gpa, isKept }, question) =>
  JSON.stringify([t, floorPage(gpa), isKept, { ...question, measure: null }]);

/**
 * The map may have no cell there: the window has moved on, or no memslot was there.
 * @param {unknown} error
 * @returns {null}
 */
function nullIfMissing(error) {
  if (error instanceof Refused && error.status === 404) return null;
  throw error;
}

/** @param {import("./inspector_rows.js").InspectorRow[]} rows */
function definitionList(rows) {
  const list = made("dl");
  for (const { term, text, title, className, href } of rows) {
    const value = made("dd", href ? "" : text, className, title);
    if (href) value.append(Object.assign(made("a", text), { href }));
    list.append(made("dt", term), value);
  }
  return list;
}
