/** Which events are meant: a bar of controls, kept in the URL, applied by the server. */

/** What respects with a few values can be; the server knows the same (app/views/event_filters.py). */
export const CHOICES = {
  kind: [
    "conversion", "hypercall", "memory_fault", "page_fault", "punch_hole", "allocate", "unmap",
    "rmp_fault", "memslot", "guest_memfd", "loss_begin", "loss_end", "register_region",
    "unregister_region", "populate", "depopulate", "population", "state_read", "doubt",
  ],
  outcome: ["applied", "failed", "unconfirmed"],
  direction: ["shared", "private", "unknown"],
  cause: ["none", "explicit", "implicit", "vmm"],
  size: ["4k", "2m", "below_2m", "above_2m", "unaligned_2m", "unknown"],
};

/** How values of the others are written, and what is said where they are not. */
const WRITTEN = {
  vcpu: [/^(\d{1,5}|unknown)$/, "A vCPU's number, or several: 3, 5. Or: unknown."],
  tid: [/^\d{1,10}$/, "The id of a host thread, or several: 4242, 4243."],
  errno: [/^(\d{1,4}|E[A-Z0-9]{1,15})$/i, "An errno by name or number, or several: EAGAIN, 22."],
  memslot: [/^(\d{1,5}:)?\d{1,5}$/, "A memslot's id."],
};
const NAMES = [...Object.keys(CHOICES), ...Object.keys(WRITTEN)];

const SIZES = {
  "4k": "4 KiB", "2m": "2 MiB", below_2m: "less than 2 MiB", above_2m: "more than 2 MiB",
  unaligned_2m: "2 MiB, not aligned", unknown: "range not told",
};
const WORDS = {
  direction: (value) => (value === "unknown" ? "direction unknown" : `to ${value}`),
  cause: (value) => (value === "none" ? "no cause told" : value),
  size: (value) => SIZES[value],
  vcpu: (value) => `vCPU ${value}`,
  tid: (value) => `thread ${value}`,
  memslot: (value) => `memslot ${value}`,
  kind: (value) => value.replaceAll("_", " "),
};

const isValue = (name, text) => CHOICES[name]?.includes(text) ?? WRITTEN[name][0].test(text);
const wordsOf = (name, values) => values.map(WORDS[name] ?? String).join(" or ");

/** The filters that a URL holds: values by name; what makes no sense is left out. */
export function readFilters(query) {
  const found = NAMES.map((name) => [
    name, [...new Set(query.getAll(name))].filter((text) => isValue(name, text)),
  ]);
  return Object.fromEntries(found.filter(([, values]) => values.length > 0));
}

export function putFilters(query, filters) {
  for (const [name, values] of Object.entries(filters)) {
    for (const value of values) query.append(name, value);
  }
}

/** "to private, vCPU 3 or vCPU 5"; empty where nothing is filtered. */
export function describeFilters(filters) {
  return Object.entries(filters).map(([name, values]) => wordsOf(name, values)).join(", ");
}

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
  const scope = "Filtered are this table and the counts over time; the map and the states show everything.";
  return losses.length ? `${scope} Of events that were lost, nothing tells whether they match.` : scope;
}

/** A choice that a link made, but no option offers, becomes one. */
function showIn(control, name, values) {
  control.classList.toggle("is-set", values.length > 0);
  const separator = control.tagName === "SELECT" ? " " : ", ";
  const value = values.join(separator);
  const isOffered = control.tagName !== "SELECT" || [...control.options].some((each) => each.value === value);
  if (!isOffered) control.append(new Option(wordsOf(name, values), value));
  control.value = value;
}
