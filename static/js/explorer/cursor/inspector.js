/** What is under the pointer or the cursor: address, slot, state, and the exact counts of the cell. */

import {
  cellRows,
  historyRows,
  lifeRow,
  memslotRows,
  placeRows,
  stateRow,
} from "./inspector_rows.js";
import { PAGE_SIZE, floorPage, toHex } from "../../shared/gpa.js";
import { loadHistory, summarise } from "./page_history.js";
import { Latest, Refused, address, fetchJson } from "../../shared/rest.js";

const SETTLE_MS = 50;

export class Inspector {
  #latest = new Latest();
  #timer = 0;

  /**
   * @param {HTMLElement} element
   * @param {HTMLElement} title
   * @param {{vmId: number, recording: object, hasFaults: () => boolean}} subject
   */
  constructor(element, title, subject) {
    this.element = element;
    this.title = title;
    this.subject = subject;
    this.hint = [...element.childNodes];
  }

  /**
   * Show the cell of the map at an instant and an address.
   * @param {{t: number, gpa: number, isKept: boolean, search?: string}} at a kept place gets its
   *   history too, by a link to the view that `search` says
   * @param {object} parameters the map's own
   */
  show(at, parameters, memslots, onError) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#latest
        .run((signal) => this.load(at, parameters, signal))
        .then((answer) => answer && this.draw(at, answer, memslots, parameters.measure))
        .catch(onError);
    }, SETTLE_MS);
  }

  /** The same of a place that moves: what is quick to ask for. Resolves once it is shown. */
  async follow(place, parameters, memslots, signal) {
    clearTimeout(this.#timer);
    const at = { ...place, isKept: false };
    const answer = await this.load(at, parameters, signal);
    if (signal.aborted) return;
    this.draw(at, answer, memslots, parameters.measure);
    this.title.textContent = "Under the cursor";
  }

  clear() {
    clearTimeout(this.#timer);
    this.#latest.run(() => undefined);
    this.element.replaceChildren(...this.hint);
    this.title.textContent = "Under the pointer";
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

  draw({ t, gpa, isKept, search }, { counts, run, history }, memslots, measure) {
    const page = floorPage(gpa);
    const rows = [
      ...placeRows(Math.floor(t), page, this.subject.recording),
      ...memslotRows(memslots, page, t),
      stateRow(run),
      ...(history && run ? historyRows(summarise(history, run.state), page, search) : []),
      ...(isKept ? [lifeRow(this.subject.vmId, page)] : []),
      ...cellRows(counts, { measure, hasFaults: this.subject.hasFaults() }),
    ];
    this.title.textContent = isKept ? "Under the cursor" : "Under the pointer";
    this.element.replaceChildren(definitionList(rows));
  }
}

/** The map may have no cell there: the window has moved on, or no memslot was there. */
function nullIfMissing(error) {
  if (error instanceof Refused && error.status === 404) return null;
  throw error;
}

/** @param {InspectorRow[]} rows */
function definitionList(rows) {
  const list = document.createElement("dl");
  for (const { term, text, title, className, href } of rows) {
    const name = document.createElement("dt");
    name.textContent = term;
    const value = document.createElement("dd");
    const holder = href ? value.appendChild(document.createElement("a")) : value;
    if (href) holder.href = href;
    holder.textContent = text;
    if (title) value.title = title;
    if (className) value.className = className;
    list.append(name, value);
  }
  return list;
}
