/**
 * Notes that people pinned to the VM's history. Their list is a fragment that htmx reads again when
 * somebody has changed it (templates/notes.html); here is what it does to the plots and to the view.
 */

/**
 * @typedef {import("../../view/view.js").View} View
 * @typedef {import("../../shared/rest_types.d.ts").NoteView} Note
 */

import { NoteDialog } from "./note_dialog.js";
import { NotePins } from "./note_pins.js";
import { searchFor } from "./note_place.js";
import { byId, closest } from "../../shared/dom.js";
import { refusalIn } from "../../shared/rest.js";
import { formatCount } from "../../shared/units.js";

const UNREAD = "Notes could not be read";

export class Notes {
  /**
   * By start.
   * @type {Note[]}
   */
  found = [];
  /** @type {number | null} the id of the one that was shown last */
  current = null;
  list = byId("notes-list");
  status = byId("notes-status");

  /**
   * @param {import("./note_pins.js").Plot[]} plots that have pins
   * @param {object} page
   * @param {import("../../shared/resources.js").VmResource} page.resource
   * @param {import("../../view/view.js").Staged} page.stage
   * @param {() => void} page.placeMarks
   * @param {import("../../view/address_bar.js").AddressBar} page.addressBar
   */
  constructor(plots, { resource, stage, placeMarks, addressBar }) {
    this.stage = stage;
    this.placeMarks = placeMarks;
    this.addressBar = addressBar;
    this.path = resource.url("notes");
    this.dialog = new NoteDialog(stage, this);
    this.pins = plots.map((plot) => new NotePins(plot, (id) => this.show(id)));
    byId("add-note").addEventListener("click", () => this.dialog.open());
    this.list.addEventListener("click", (event) => this.act(event));
    this.list.addEventListener("htmx:after:swap", () => {
      if (this.status.textContent?.startsWith(UNREAD)) this.report("");
      this.#readItems();
      this.placeMarks();
    });
    this.#listenToRequests();
    this.#readItems();
  }

  /** What becomes of a request that htmx makes: the list's, or one to delete a note. */
  #listenToRequests() {
    const failed = (/** @type {Event} */ event, /** @type {string} */ why) => {
      const isList = event.target === this.list;
      this.report(`${isList ? UNREAD : "Not deleted"}: ${why}`);
    };
    this.list.addEventListener("htmx:error", (event) => {
      failed(event, "The server does not answer.");
    });
    this.list.addEventListener("htmx:response:error", (event) => {
      const { ctx } = /** @type {CustomEvent<Htmx.Detail>} */ (event).detail;
      failed(event, refusalIn(ctx.text ?? "", ctx.response?.status ?? 0));
    });
    this.list.addEventListener("htmx:finally:request", (event) => {
      const { ctx } = /** @type {CustomEvent<Htmx.Detail>} */ (event).detail;
      if (ctx.request.method !== "DELETE") return;
      if (ctx.response?.status === 204) this.report("Deleted.");
      byId("add-note").focus();
      void this.read();
    });
  }

  /** @param {number} id */
  find(id) {
    return this.found.find((note) => note.id === id) ?? null;
  }

  /** Let htmx read the list again. Resolves when that is over, be it by a failure. */
  read() {
    return new Promise((resolve) => {
      this.list.addEventListener("htmx:finally:request", resolve, { once: true });
      this.list.dispatchEvent(new Event("changed"));
    });
  }

  /** The list is another one. */
  #readItems() {
    this.found = this.#items().map((item) => JSON.parse(item.dataset.note ?? ""));
    const count = this.found.length;
    byId("notes-title").textContent = count ? `Notes (${formatCount(count)})` : "Notes";
    this.#markCurrent();
  }

  /** @returns {HTMLElement[]} */
  #items() {
    return [...this.list.querySelectorAll(/** @type {"li"} */ ("li[data-note]"))];
  }

  /** @returns {HTMLAnchorElement[]} */
  #places() {
    return [...this.list.querySelectorAll(/** @type {"a"} */ (".note-place"))];
  }

  #markCurrent() {
    const index = this.found.findIndex((note) => note.id === this.current);
    this.#places().forEach((place, i) => {
      if (i === index) place.setAttribute("aria-current", "true");
      else place.removeAttribute("aria-current");
    });
  }

  /**
   * What became of the last request.
   * @param {string} words
   */
  report(words) {
    this.status.textContent = words;
  }

  /** @param {MouseEvent} event */
  act(event) {
    const index = this.#items().findIndex((item) => item === closest(event, "li[data-note]"));
    const note = this.found[index];
    if (!note) return;
    if (closest(event, "[data-verb=edit]")) this.dialog.open(note);
    if (!closest(event, ".note-place") || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.show(note.id);
  }

  /**
   * Show what a note is about, and the note.
   * @param {number} id
   */
  show(id) {
    const note = this.find(id);
    if (!note) return;
    this.addressBar.goTo(searchFor(this.stage.axis, note));
    this.current = id;
    this.#markCurrent();
    byId(`note-${id}`).scrollIntoView({ block: "nearest" });
  }

  /**
   * Where pins and links lead depends on what is shown.
   * @param {View} view
   */
  place(view) {
    for (const pins of this.pins) pins.place(view, this.found);
    const places = this.#places();
    this.found.forEach((note, i) => (places[i].href = searchFor(view, note)));
  }
}
