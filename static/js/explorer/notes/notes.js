/** Notes that people pinned to the VM's history: the list, and pins over the plots. */

/**
 * @typedef {import("../../view/view.js").View} View
 * @typedef {import("../../shared/rest_types.d.ts").NoteView} Note
 */

import { byId, closest, made } from "../../shared/dom.js";
import { listenForNews } from "../../news/news.js";
import { NoteDialog } from "./note_dialog.js";
import { NotePins } from "./note_pins.js";
import { placeText, searchFor } from "./note_place.js";
import { PacedTask } from "../../shared/paced_task.js";
import { messageOf, send } from "../../shared/rest.js";
import { wallTimeAt } from "../../shared/time.js";
import { formatCount } from "../../shared/units.js";

const REST_MS = 500;
const UNREAD = "Notes could not be read";

export class Notes {
  /**
   * By start.
   * @type {Note[]}
   */
  found = [];
  /** @type {number | null} the id of the one that was shown last */
  current = null;
  /** @type {number | null} */
  #revision = null;
  #pace = new PacedTask(() => this.read(), REST_MS);
  list = byId("notes");
  said = byId("notes-said");

  /**
   * @param {import("./note_pins.js").Plot[]} plots that have pins
   * @param {object} page
   * @param {import("../../shared/resources.js").VmResource} page.resource
   * @param {import("../../view/view.js").Staged} page.stage
   * @param {() => void} page.placeMarks
   * @param {import("../../view/address_bar.js").AddressBar} page.addressBar
   */
  constructor(plots, { resource, stage, placeMarks, addressBar }) {
    this.resource = resource;
    this.stage = stage;
    this.placeMarks = placeMarks;
    this.addressBar = addressBar;
    this.path = resource.url("notes");
    this.dialog = new NoteDialog(stage, this);
    this.pins = plots.map((plot) => new NotePins(plot, (id) => this.show(id)));
    byId("add-note").addEventListener("click", () => this.dialog.open());
    this.list.addEventListener("click", (event) => this.act(event));
  }

  /** @param {number} id */
  find(id) {
    return this.found.find((note) => note.id === id) ?? null;
  }

  /** Read them now and whenever somebody, here or elsewhere, has changed them. */
  async keepReading() {
    listenForNews({
      changed: (news) => news.vm === this.resource.id && this.take(news.notes_revision),
      lost: () => {},
      regained: () => this.#pace.ask(),
    });
    this.#pace.ask();
  }

  /** @param {number} revision */
  take(revision) {
    if (this.#revision !== null && this.#revision !== revision) this.#pace.ask();
    this.#revision = revision;
  }

  async read() {
    try {
      this.found = await this.resource.all("notes");
    } catch (error) {
      this.say(`${UNREAD}: ${messageOf(error)}`);
      return;
    }
    if (this.said.textContent?.startsWith(UNREAD)) this.say("");
    this.draw();
    this.placeMarks();
  }

  draw() {
    const has = this.found.length > 0;
    byId("notes-title").textContent = has ? `Notes (${formatCount(this.found.length)})` : "Notes";
    byId("no-notes").hidden = has;
    const focused = this.list.querySelector(":focus");
    this.list.replaceChildren(...this.found.map((each) => this.item(each)));
    this.markCurrent();
    if (focused instanceof HTMLElement) this.#focusSameAs(focused.dataset);
  }

  /** @param {DOMStringMap} dataset */
  #focusSameAs({ note, verb }) {
    const same = this.#noted().find(
      ({ dataset }) => dataset.note === note && dataset.verb === verb,
    );
    same?.focus();
  }

  /** @returns {HTMLElement[]} links and buttons, each of a note */
  #noted() {
    return [...this.list.querySelectorAll(/** @type {"a"} */ ("[data-note]"))];
  }

  /** @returns {HTMLAnchorElement[]} */
  #places() {
    return [...this.list.querySelectorAll(/** @type {"a"} */ (".note-place"))];
  }

  markCurrent() {
    for (const place of this.#places()) {
      if (place.dataset.note === String(this.current)) place.setAttribute("aria-current", "true");
      else place.removeAttribute("aria-current");
    }
  }

  /**
   * What became of what was asked for last.
   * @param {string} words
   */
  say(words) {
    this.said.textContent = words;
  }

  /** @param {Note} note */
  item(note) {
    const item = made("li");
    item.id = `note-${note.id}`;
    const place = made("a", placeText(note), "note-place");
    place.dataset.note = String(note.id);
    item.append(place, made("p", note.text, "note-text"), footOf(note));
    return item;
  }

  /** @param {MouseEvent} event */
  act(event) {
    const target = closest(event, "[data-note]");
    const note = this.find(Number(target?.dataset.note));
    if (!target || !note) return;
    if (target.dataset.verb === "edit") this.dialog.open(note);
    else if (target.dataset.verb === "delete") this.remove(note);
    else if (!(event.ctrlKey || event.metaKey || event.shiftKey)) {
      event.preventDefault();
      this.show(note.id);
    }
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
    this.markCurrent();
    byId(`note-${id}`).scrollIntoView({ block: "nearest" });
  }

  /** @param {Note} note */
  async remove(note) {
    if (!window.confirm(`Delete this note for good?\n\n${note.text}`)) return;
    try {
      await send("DELETE", `${this.path}/${note.id}`);
      this.say("Deleted.");
    } catch (error) {
      this.say(`Not deleted: ${messageOf(error)}`);
    }
    await this.read();
    byId("add-note").focus();
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

/** @param {Note} note */
function footOf(note) {
  const foot = made("p", "", "note-foot quiet");
  const when = wallTimeAt(note.changed_ns ?? note.written_ns, 0) ?? "";
  const did = note.changed_ns ? "changed" : "written";
  const who = made("span", note.author ?? "no name", "", `${did} ${when}`);
  const buttons = made("span", "", "note-buttons");
  for (const verb of ["edit", "delete"]) {
    const button = made("button", verb);
    Object.assign(button, { type: "button", ariaLabel: `${verb} the note at ${placeText(note)}` });
    Object.assign(button.dataset, { note: String(note.id), verb });
    buttons.append(button);
  }
  foot.append(who, made("span", `, ${when.slice(0, 16)} UTC`), buttons);
  return foot;
}
