/** Writing a note, or changing one. What was typed is kept until the server has it. */

/**
 * @typedef {import("../../view/view.js").View} View
 * @typedef {import("./note_place.js").About} About
 * @typedef {import("./notes.js").Note} Note
 * @typedef {{words: string, pinned: About}} Choice
 * What the dialog does with the notes.
 * @typedef {object} Notes
 * @property {string} path of the resource
 * @property {() => Promise<unknown>} read
 * @property {(id: number) => Note | null} find
 * @property {(words: string) => void} report
 */

import { byId, made, partOf } from "../../shared/dom.js";
import { PAGE_SIZE, floorPage, formatAddress, toHex } from "../../shared/gpa.js";
import { placeText } from "./note_place.js";
import { Refused, messageOf, send } from "../../shared/rest.js";
import { formatTime } from "../../shared/time.js";

const AUTHOR = "gmemscope note author";

export class NoteDialog {
  /** @type {Note | null} what is changed; null: a new one is written */
  #note = null;
  /** @type {Choice[]} */
  #places = [];
  element = byId("note-dialog", HTMLDialogElement);
  form = byId("note-form", HTMLFormElement);
  text = partOf(this.form, "[name=text]", HTMLTextAreaElement);
  author = partOf(this.form, "[name=author]", HTMLInputElement);

  /**
   * @param {import("../../view/view.js").Staged} stage
   * @param {Notes} notes
   */
  constructor(stage, notes) {
    this.stage = stage;
    this.notes = notes;
    this.draftKey = `gmemscope note draft ${notes.path}`;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.save();
    });
    this.text.addEventListener("input", () => this.keepDraft());
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.form.requestSubmit();
    });
    byId("note-cancel").addEventListener("click", () => this.element.close());
  }

  /**
   * Ask for a new note, about the cursor or what is shown, or for another text of this one.
   * @param {Note | null} [note]
   */
  open(note = null) {
    this.#note = note;
    const { text, author } = this;
    text.value = note ? note.text : (sessionStorage.getItem(this.draftKey) ?? "");
    author.value = note ? (note.author ?? "") : (localStorage.getItem(AUTHOR) ?? "");
    byId("note-title").textContent = note ? "Change a note" : "A note";
    this.#places = placesFor(this.stage.axis, note);
    byId("note-places").replaceChildren(...this.#places.map(placeChoice));
    this.showProblem("");
    this.element.showModal();
    text.focus();
  }

  keepDraft() {
    if (this.#note === null) sessionStorage.setItem(this.draftKey, this.text.value);
  }

  /** @param {string} problem */
  showProblem(problem) {
    const line = byId("note-problem");
    line.hidden = problem === "";
    line.textContent = problem;
  }

  async save() {
    const { text, author } = this;
    const { pinned } = this.#places[Number(new FormData(this.form).get("place"))];
    const draft = { ...pinned, text: text.value, author: author.value.trim() || null };
    const button = byId("note-save", HTMLButtonElement);
    button.disabled = true;
    try {
      await this.send(draft);
      if (this.#note === null) {
        sessionStorage.removeItem(this.draftKey);
        localStorage.setItem(AUTHOR, author.value.trim());
      }
      this.element.close();
      this.notes.report("Saved.");
      await this.notes.read();
    } catch (error) {
      await this.explain(error);
    }
    button.disabled = false;
  }

  /** @param {object} draft */
  send(draft) {
    if (this.#note === null) return send("POST", this.notes.path, draft);
    const { id, revision } = this.#note;
    return send("PATCH", `${this.notes.path}/${id}`, { ...draft, revision });
  }

  /**
   * Show why it was not saved, and let the next try succeed where that is possible.
   * @param {unknown} error
   */
  async explain(error) {
    const status = error instanceof Refused ? error.status : null;
    if (this.#note !== null && (status === 409 || status === 404)) {
      await this.notes.read();
      this.#note = this.notes.find(this.#note.id);
      this.showProblem(
        this.#note === null
          ? "Somebody has deleted this note. Saving again writes it as a new one."
          : "Somebody has changed this note: the list has their text. Saving again replaces it.",
      );
      this.keepDraft();
    } else {
      this.showProblem(`Not saved: ${messageOf(error)} Your text stays here.`);
    }
  }
}

/**
 * What a note may be about, the most likely first.
 * @param {View} view
 * @param {Note | null} note
 * @returns {Choice[]}
 */
function placesFor(view, note) {
  const { t, gpa, time, gpaFrom, gpaTo, addresses } = view;
  const everywhere = { gpa_from: null, gpa_to: null };
  const stretch = { from: time.from, to: time.to };
  /** @type {Choice[]} */
  const places = [];
  if (note) {
    const { from, to, gpa_from, gpa_to } = note;
    places.push({ words: `as it is: ${placeText(note)}`, pinned: { from, to, gpa_from, gpa_to } });
  }
  if (t !== null && gpa !== null) {
    const page = floorPage(gpa);
    const pinned = { from: t, to: null, gpa_from: toHex(page), gpa_to: toHex(page + PAGE_SIZE) };
    const words = `the page at the cursor: ${formatAddress(page)}, ${formatTime(t)}`;
    places.push({ words, pinned });
  }
  if (t !== null) {
    const pinned = { from: t, to: null, ...everywhere };
    places.push({ words: `the cursor's instant: ${formatTime(t)}`, pinned });
  }
  if (gpaFrom !== null || gpaTo !== null) {
    const pinned = { ...stretch, gpa_from: toHex(addresses.from), gpa_to: toHex(addresses.to) };
    places.push({ words: `what is shown: ${placeText(pinned)}`, pinned });
  }
  const whole = { ...stretch, ...everywhere };
  places.push({ words: `the time shown: ${placeText(whole)}`, pinned: whole });
  return places;
}

/**
 * @param {Choice} choice
 * @param {number} index
 */
function placeChoice({ words }, index) {
  const label = made("label");
  const input = made("input");
  Object.assign(input, {
    type: "radio",
    name: "place",
    value: String(index),
    checked: index === 0,
  });
  label.append(input, words);
  return label;
}
