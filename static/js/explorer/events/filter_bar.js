/** The bar of controls that says which events are meant. */

import { NAMES, WRITTEN, isValue, wordsOf } from "../../shared/event_filters.js";

export class FilterBar {
  #shown = "";
  #slots = "";

  /**
   * @param {HTMLFormElement} form whose controls are named like the filters
   * @param {HTMLElement} note what the filters apply to
   * @param {View} view
   */
  constructor(form, note, view) {
    this.form = form;
    this.note = note;
    this.view = view;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", ({ target }) => this.take(target));
    form.addEventListener("input", ({ target }) => target.setCustomValidity(""));
    form.elements.clear.addEventListener("click", () => this.clear());
  }

  open() {
    this.form.elements.kind.focus();
  }

  /** Apply what a control says, or say what it should. */
  take(control) {
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

  /** Show the view's filters and the memslots to choose from. */
  show({ filters }, memslots, losses) {
    this.listSlots(memslots);
    const isFiltered = Object.keys(filters).length > 0;
    const shown = JSON.stringify([filters, losses.length, this.#slots]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    for (const name of NAMES) showIn(this.form.elements[name], name, filters[name] ?? []);
    this.form.elements.clear.hidden = !isFiltered;
    this.form.classList.toggle("is-active", isFiltered);
    this.note.textContent = isFiltered ? noteOf(losses) : "";
  }

  listSlots(memslots) {
    const ids = new Map();
    for (const { slot, as_id, backing } of memslots) {
      if (slot !== null) ids.set(as_id ? `${as_id}:${slot}` : String(slot), backing);
    }
    const slots = JSON.stringify([...ids]);
    if (slots === this.#slots) return;
    this.#slots = slots;
    const options = [...ids].map(([id, backing]) => new Option(`${id} (${backing})`, id));
    this.form.elements.memslot.replaceChildren(new Option("any", ""), ...options);
  }
}

function noteOf(losses) {
  const scope =
    "Filtered are this table and the counts over time; the map and the states show everything.";
  return losses.length
    ? `${scope} Events that were lost may match or not.`
    : scope;
}

/** A choice that a link made, but no option offers, becomes one. */
function showIn(control, name, values) {
  control.classList.toggle("is-set", values.length > 0);
  const separator = control.tagName === "SELECT" ? " " : ", ";
  const value = values.join(separator);
  const isOffered =
    control.tagName !== "SELECT" || [...control.options].some((each) => each.value === value);
  if (!isOffered) control.append(new Option(wordsOf(name, values), value));
  control.value = value;
}
