/** Notes that people pinned to the VM's history: the list, and pins over the plots. */

import { listenForNews } from "../../shared/news.js";
import { NoteDialog } from "./note_dialog.js";
import { NotePins } from "./note_pins.js";
import { placeText, searchFor } from "./note_place.js";
import { PacedTask } from "../../shared/paced_task.js";
import { fetchAll, send } from "../../shared/rest.js";
import { wallTimeAt } from "../../shared/time.js";
import { formatCount } from "../../shared/units.js";

const REST_MS = 500;
const UNREAD = "Notes could not be read";

const byId = (id) => document.getElementById(id);

export class Notes {
  /** By start: {id, from, to, gpa_from, gpa_to, text, author, written_ns, changed_ns, revision}. */
  found = [];
  /** The id of the one that was shown last. */
  current = null;
  #revision = null;
  #pace = new PacedTask(() => this.read(), REST_MS);

  /** @param {Explorer} page */
  constructor(page) {
    this.page = page;
    this.path = `${page.path}/notes`;
    this.list = byId("notes");
    this.said = byId("notes-said");
    this.dialog = new NoteDialog(page.stage, this);
    this.pins = [page.map, page.timeline].map((plot) => new NotePins(plot, (id) => this.show(id)));
    byId("add-note").addEventListener("click", () => this.dialog.open());
    this.list.addEventListener("click", (event) => this.act(event));
  }

  /** Read them now and whenever somebody, here or elsewhere, has changed them. */
  async keepReading() {
    listenForNews({
      changed: (news) => news.vm === this.page.vmId && this.take(news.notes_revision),
      lost: () => {},
      regained: () => this.#pace.ask(),
    });
    this.#pace.ask();
  }

  take(revision) {
    if (this.#revision !== null && this.#revision !== revision) this.#pace.ask();
    this.#revision = revision;
  }

  async read() {
    try {
      this.found = await fetchAll(this.path);
    } catch (error) {
      this.say(`${UNREAD}: ${error.message}`);
      return;
    }
    if (this.said.textContent.startsWith(UNREAD)) this.say("");
    this.draw();
    this.page.placeMarks();
  }

  draw() {
    const has = this.found.length > 0;
    byId("notes-title").textContent = has ? `Notes (${formatCount(this.found.length)})` : "Notes";
    byId("no-notes").hidden = has;
    const { note, verb } = this.list.contains(document.activeElement)
      ? document.activeElement.dataset
      : {};
    this.list.replaceChildren(...this.found.map((each) => this.item(each)));
    this.markCurrent();
    const sameAgain = [...this.list.querySelectorAll("[data-note]")].find(
      ({ dataset }) => dataset.note === note && dataset.verb === verb,
    );
    sameAgain?.focus();
  }

  markCurrent() {
    for (const place of this.list.querySelectorAll(".note-place")) {
      if (place.dataset.note === String(this.current)) place.setAttribute("aria-current", "true");
      else place.removeAttribute("aria-current");
    }
  }

  /** What became of what was asked for last. */
  say(words) {
    this.said.textContent = words;
  }

  item(note) {
    const item = document.createElement("li");
    item.id = `note-${note.id}`;
    const place = made("a", "note-place", placeText(note));
    place.dataset.note = note.id;
    const text = made("p", "note-text", note.text);
    item.append(place, text, this.foot(note));
    return item;
  }

  foot(note) {
    const foot = made("p", "note-foot quiet");
    const when = note.changed_ns ?? note.written_ns;
    const who = made("span", "", note.author ?? "no name");
    who.title = `${note.changed_ns ? "changed" : "written"} ${wallTimeAt(when, 0)}`;
    foot.append(who, made("span", "", `, ${wallTimeAt(when, 0).slice(0, 16)} UTC`));
    const buttons = made("span", "note-buttons");
    for (const verb of ["edit", "delete"]) {
      const button = made("button", "", verb);
      Object.assign(button, {
        type: "button",
        ariaLabel: `${verb} the note at ${placeText(note)}`,
      });
      Object.assign(button.dataset, { note: note.id, verb });
      buttons.append(button);
    }
    foot.append(buttons);
    return foot;
  }

  act(event) {
    const target = event.target.closest("[data-note]");
    const note = this.found.find(({ id }) => id === Number(target?.dataset.note));
    if (!note) return;
    if (target.dataset.verb === "edit") this.dialog.open(note);
    else if (target.dataset.verb === "delete") this.remove(note);
    else if (!(event.ctrlKey || event.metaKey || event.shiftKey)) {
      event.preventDefault();
      this.show(note.id);
    }
  }

  /** Show what a note is about, and the note. */
  show(id) {
    const note = this.found.find((each) => each.id === id);
    this.page.goTo(searchFor(this.page.stage.axis, note));
    this.current = id;
    this.markCurrent();
    byId(`note-${id}`).scrollIntoView({ block: "nearest" });
  }

  async remove(note) {
    if (!window.confirm(`Delete this note for good?\n\n${note.text}`)) return;
    try {
      await send("DELETE", `${this.path}/${note.id}`);
      this.say("Deleted.");
    } catch (error) {
      this.say(`Not deleted: ${error.message}`);
    }
    await this.read();
    byId("add-note").focus();
  }

  /** Where pins and links lead depends on what is shown. */
  place(view) {
    for (const pins of this.pins) pins.place(view, this.found);
    const places = this.list.querySelectorAll(".note-place");
    this.found.forEach((note, i) => (places[i].href = searchFor(view, note)));
  }
}

function made(tag, className, text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}
