/** The bar of controls that chooses which events are meant. */

/**
 * @typedef {import("../../view/view.js").View} View
 * @typedef {HTMLInputElement | HTMLSelectElement} Control
 */

import { byId, partOf } from "../../shared/dom.js";
import { NAMES, WRITTEN, isValue, wordsOf } from "../../shared/event_filters.js";

export class FilterBar {
  #shown = "";
  #slots = "";

  /** Its controls are named like the filters. */
  form = byId("filters", HTMLFormElement);
  /** What the filters apply to. */
  note = byId("filters-note");
  clearButton = partOf(this.form, "[name=clear]");

  /** @param {View} view */
  constructor(view) {
    const { form } = this;
    this.view = view;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", ({ target }) => isControl(target) && this.applyControl(target));
    form.addEventListener(
      "input",
      ({ target }) => isControl(target) && target.setCustomValidity(""),
    );
    this.clearButton.addEventListener("click", () => this.clear());
  }

  open() {
    this.control("kind").focus();
  }

  /**
   * @param {string} name of a filter
   * @returns {Control}
   */
  control(name) {
    const control = this.form.elements.namedItem(name);
    if (!isControl(control)) throw new Error(`The bar has no control for ${name}.`);
    return control;
  }

  /**
   * Apply what a control holds, or name what it may hold.
   * @param {Control} control
   */
  applyControl(control) {
    const { name, value } = control;
    const values = value.split(/[\s,]+/).filter(Boolean);
    const isGood = values.every((text) => isValue(name, text));
    control.setCustomValidity(isGood ? "" : WRITTEN[name][1]);
    if (control.reportValidity()) this.view.setFilter(name, values);
  }

  clear() {
    this.view.setFilters({});
    this.open();
  }

  /**
   * Show the view's filters and the memslots to choose from.
   * @param {View} view
   * @param {import("../../view/view.js").Memslot[]} memslots
   * @param {{losses: unknown[], expired: unknown[]}} gaps
   */
  show({ filters }, memslots, gaps) {
    this.listSlots(memslots);
    const isFiltered = Object.keys(filters).length > 0;
    const shown = JSON.stringify([filters, gaps.losses.length, gaps.expired.length, this.#slots]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    for (const name of NAMES) showIn(this.control(name), name, filters[name] ?? []);
    this.clearButton.hidden = !isFiltered;
    this.form.classList.toggle("is-active", isFiltered);
    this.note.textContent = isFiltered ? noteOf(gaps) : "";
  }

  /** @param {import("../../view/view.js").Memslot[]} memslots */
  listSlots(memslots) {
    /** @type {Map<string, string>} */
    const ids = new Map();
    for (const { slot, as_id, backing } of memslots) {
      if (slot !== null) ids.set(as_id ? `${as_id}:${slot}` : String(slot), backing);
    }
    const slots = JSON.stringify([...ids]);
    if (slots === this.#slots) return;
    this.#slots = slots;
    const options = [...ids].map(([id, backing]) => new Option(`${id} (${backing})`, id));
    this.control("memslot").replaceChildren(new Option("any", ""), ...options);
  }
}

/**
 * @param {unknown} element
 * @returns {element is Control}
 */
const isControl = (element) =>
  element instanceof HTMLInputElement || element instanceof HTMLSelectElement;

/** @param {{losses: unknown[], expired: unknown[]}} gaps */
function noteOf({ losses, expired }) {
  const scope =
    "Filtered are this table and the counts over time; the map and the states show everything.";
  const lost = losses.length ? " Events that were lost may match or not." : "";
  const gone = expired.length ? " Events that are no longer kept are not looked at." : "";
  return scope + lost + gone;
}

/**
 * A choice that a link made, but no option offers, becomes one.
 * @param {Control} control
 * @param {string} name
 * @param {string[]} values
 */
function showIn(control, name, values) {
  control.classList.toggle("is-set", values.length > 0);
  const isChoice = control instanceof HTMLSelectElement;
  const value = values.join(isChoice ? " " : ", ");
  const isOffered = !isChoice || [...control.options].some((each) => each.value === value);
  if (!isOffered) control.append(new Option(wordsOf(name, values), value));
  control.value = value;
}
