/** Writing a note, or changing one. What was typed is kept until the server has it. */

import { PAGE_SIZE, floorPage, formatAddress, toHex } from "../../shared/gpa.js";
import { placeText } from "./note_place.js";
import { Refused, send } from "../../shared/rest.js";
import { formatTime } from "../../shared/time.js";

const AUTHOR = "gmemscope note author";

const byId = (id) => document.getElementById(id);

export class NoteDialog {
  /** What is changed; null: a new one is written. */
  #note = null;
  #places = [];

  /**
   * @param {Stage} stage
   * @param {Notes} notes
   */
  constructor(stage, notes) {
    Object.assign(this, { stage, notes, element: byId("note-dialog"), form: byId("note-form") });
    this.draft = `gmemscope note draft ${notes.path}`;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.save();
    });
    this.form.elements.text.addEventListener("input", () => this.keepDraft());
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.form.requestSubmit();
    });
    byId("note-cancel").addEventListener("click", () => this.element.close());
  }

  /** Ask for a new note, about the cursor or what is shown, or for another text of this one. */
  open(note = null) {
    this.#note = note;
    const { text, author } = this.form.elements;
    text.value = note ? note.text : (sessionStorage.getItem(this.draft) ?? "");
    author.value = note ? (note.author ?? "") : (localStorage.getItem(AUTHOR) ?? "");
    byId("note-title").textContent = note ? "Change a note" : "A note";
    this.#places = placesFor(this.stage.axis, note);
    byId("note-places").replaceChildren(...this.#places.map(placeChoice));
    this.say("");
    this.element.showModal();
    text.focus();
  }

  keepDraft() {
    if (this.#note === null) sessionStorage.setItem(this.draft, this.form.elements.text.value);
  }

  say(problem) {
    const said = byId("note-problem");
    said.hidden = problem === "";
    said.textContent = problem;
  }

  async save() {
    const { text, author, place } = this.form.elements;
    const { pinned } = this.#places[Number(place.value)];
    const said = { ...pinned, text: text.value, author: author.value.trim() || null };
    const button = byId("note-save");
    button.disabled = true;
    try {
      await this.send(said);
      if (this.#note === null) {
        sessionStorage.removeItem(this.draft);
        localStorage.setItem(AUTHOR, author.value.trim());
      }
      this.element.close();
      this.notes.say("Saved.");
      await this.notes.read();
    } catch (error) {
      await this.explain(error);
    }
    button.disabled = false;
  }

  send(said) {
    if (this.#note === null) return send("POST", this.notes.path, said);
    const { id, revision } = this.#note;
    return send("PATCH", `${this.notes.path}/${id}`, { ...said, revision });
  }

  /** Say why it was not saved, and let the next try succeed where that is possible. */
  async explain(error) {
    const status = error instanceof Refused ? error.status : null;
    if (this.#note !== null && (status === 409 || status === 404)) {
      await this.notes.read();
      this.#note = this.notes.found.find(({ id }) => id === this.#note.id) ?? null;
      this.say(
        this.#note === null
          ? "Somebody has deleted this note. Saving again writes it as a new one."
          : "Somebody has changed this note: the list has their text. Saving again replaces it.",
      );
      this.keepDraft();
    } else {
      this.say(`Not saved: ${error.message} Your text stays here.`);
    }
  }
}

/**
 * What a note may be about, the most likely first.
 * @returns {{words: string, pinned: object}[]}
 */
function placesFor(view, note) {
  const { t, gpa, time, gpaFrom, gpaTo, addresses } = view;
  const everywhere = { gpa_from: null, gpa_to: null };
  const instant = { from: t, to: null };
  const stretch = { from: time.from, to: time.to };
  const places = [];
  if (note) {
    const { from, to, gpa_from, gpa_to } = note;
    places.push({ words: `as it is: ${placeText(note)}`, pinned: { from, to, gpa_from, gpa_to } });
  }
  if (t !== null && gpa !== null) {
    const page = floorPage(gpa);
    const pinned = { ...instant, gpa_from: toHex(page), gpa_to: toHex(page + PAGE_SIZE) };
    places.push({
      words: `the page at the cursor: ${formatAddress(page)}, ${formatTime(t)}`,
      pinned,
    });
  }
  if (t !== null) {
    places.push({
      words: `the cursor's instant: ${formatTime(t)}`,
      pinned: { ...instant, ...everywhere },
    });
  }
  if (gpaFrom !== null || gpaTo !== null) {
    const pinned = { ...stretch, gpa_from: toHex(addresses.from), gpa_to: toHex(addresses.to) };
    places.push({ words: `what is shown: ${placeText(pinned)}`, pinned });
  }
  const whole = { ...stretch, ...everywhere };
  places.push({ words: `the time shown: ${placeText(whole)}`, pinned: whole });
  return places;
}

function placeChoice({ words }, index) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  Object.assign(input, { type: "radio", name: "place", value: index, checked: index === 0 });
  label.append(input, words);
  return label;
}
