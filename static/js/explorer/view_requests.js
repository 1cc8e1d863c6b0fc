/**
 * Asking for what the view needs, and putting it on stage when all of it is there.
 *
 * What a part asks the server for is all that it depends on: as long as its question is the one whose
 * answer is shown, it is not asked again. A marker asks for nothing, another measure for the map.
 */

import { Latest } from "../shared/rest.js";

/**
 * @typedef {import("../view/view.js").View} View
 * @typedef {import("../charts/map.js").MapPlot} MapPlot
 * @typedef {import("../charts/timeline.js").Timeline} Timeline
 * @typedef {import("../charts/strip.js").Strip} Strip
 * @typedef {import("./stage.js").Answers} Answers
 * @typedef {import("../shared/rest.js").Parameters} Parameters
 * @typedef {import("../view/subject.js").Subject} Subject
 * @typedef {import("./events/events_table.js").EventsTable} EventsTable
 * @typedef {import("./events/events_table.js").Question} EventsQuestion
 *
 * How to ask for what has no axis.
 * @typedef {object} Asking
 * @property {EventsTable} events
 * @property {(view: View) => EventsQuestion} eventsQuestion
 * @property {(view: View, signal: AbortSignal) => Promise<void>} inspect
 */

/**
 * What is asked with, as text: the question's key. Pictures have the theme's colours, too.
 * @param {Parameters} question
 * @param {string} [theme]
 */
const keyOf = (question, theme = "") => JSON.stringify([question, theme]);

export class ViewRequests {
  #reads = new Latest();
  #cursorReads = new Latest();
  /** How often it was asked for what depends on the cursor. */
  #asked = 0;
  /**
   * The questions to which the answers on screen belong, by the part that shows them.
   * @type {Map<string, string>}
   */
  #shown = new Map();
  /** Whether all is to be drawn again, be its answer the same. */
  #mustRestyle = false;

  /**
   * @param {{map: MapPlot, timeline: Timeline, strip: Strip}} plots
   * @param {{view: View, stage: import("./stage.js").Stage, subject: Subject} & Asking} others
   */
  constructor(plots, others) {
    this.plots = plots;
    this.view = others.view;
    this.stage = others.stage;
    this.subject = others.subject;
    this.events = others.events;
    this.eventsQuestion = others.eventsQuestion;
    this.inspect = others.inspect;
  }

  /**
   * Whatever another answer is needed of, the map being asked for first. Resolves to undefined if a
   * newer question came.
   * @param {{isRenewed?: boolean, isRestyled?: boolean}} [how] renewed: the recording may have
   *   changed, so that everything is asked again, the subject too; restyled: all is drawn again
   */
  all({ isRenewed = false, isRestyled = false } = {}) {
    return this.#reads.run(async (signal) => {
      const asked = this.view.snapshot();
      const order = ++this.#asked;
      if (isRenewed) this.#shown.clear();
      this.#mustRestyle ||= isRestyled;
      const keys = this.#keysOf(asked);
      const answers = {
        ...this.#ask(asked, keys, signal),
        ...(isRenewed && { subject: this.subject.ask(signal) }),
      };
      const events = this.#askEvents(asked, keys.events, signal);
      const stage = this.#putOnStage(asked, keys, answers, signal);
      await Promise.all([stage, this.#drawEvents(asked, keys.events, { events, stage, signal })]);
      if (order !== this.#asked) await this.cursor(); // it has moved meanwhile, in what was shown before
      return true;
    });
  }

  /** @param {View} view */
  #keysOf(view) {
    const { map, timeline, strip } = this.plots;
    const { theme } = document.documentElement.dataset;
    return {
      map: keyOf(map.question(view), theme),
      timeline: keyOf(timeline.question(view)),
      strip: keyOf(strip.question(view), theme),
      events: JSON.stringify(this.eventsQuestion(view)),
    };
  }

  /**
   * @param {View} asked
   * @param {Record<"map" | "timeline" | "strip", string>} keys
   * @param {AbortSignal} signal
   */
  #ask(asked, keys, signal) {
    const { map, timeline, strip } = this.plots;
    const isWanted = (/** @type {"map" | "timeline" | "strip"} */ name) =>
      this.#shown.get(name) !== keys[name];
    return {
      ...(isWanted("map") && { map: map.load(asked, signal) }),
      ...(isWanted("timeline") && { timeline: timeline.load(asked, signal) }),
      ...(isWanted("strip") && { strip: strip.load(asked, signal) }),
    };
  }

  /**
   * @param {View} asked
   * @param {Record<string, string>} keys
   * @param {{[Name in keyof Answers]: Promise<NonNullable<Answers[Name]>>}} answers
   * @param {AbortSignal} signal
   */
  async #putOnStage(asked, keys, answers, signal) {
    const { stage } = this;
    const isFirst = stage.shown === null;
    if (isFirst) await stage.open(asked, answers, signal);
    const [map, timeline, strip, subject] = await Promise.all([
      answers.map,
      answers.timeline,
      answers.strip,
      answers.subject,
    ]);
    if (signal.aborted) return;
    if (!isFirst) stage.commit(asked, { map, timeline, strip, subject }, this.#mustRestyle);
    this.#mustRestyle = false;
    for (const name of Object.keys(answers)) this.#shown.set(name, keys[name]);
  }

  /**
   * Null: the events that are shown are the ones.
   * @param {View} asked
   * @param {string} key
   * @param {AbortSignal} signal
   */
  #askEvents(asked, key, signal) {
    if (this.#shown.get("events") === key) return null;
    return this.events.load(this.eventsQuestion(asked), signal);
  }

  /**
   * The table has no axis, and a filter may take long: the rest does not wait for it.
   * @param {View} asked
   * @param {string} key
   * @param {object} how
   * @param {ReturnType<ViewRequests["events"]["load"]> | null} how.events
   * @param {Promise<void> | null} how.stage to wait for
   * @param {AbortSignal} how.signal
   */
  async #drawEvents(asked, key, { events, stage, signal }) {
    const [answer] = await Promise.all([events, stage]);
    if (signal.aborted) return;
    if (answer === null) this.events.follow(asked);
    else this.events.draw(asked, answer);
    this.#shown.set("events", key);
  }

  /**
   * What depends on the cursor alone, in what is shown.
   * @returns {Promise<boolean | undefined>}
   */
  cursor() {
    return this.#cursorReads.run(async (signal) => {
      const { stage, view } = this;
      if (stage.shown === null) return false;
      this.#asked += 1;
      const asked = stage.shown.snapshot();
      asked.copyCursor(view);
      const keys = this.#keysOf(asked);
      const events = this.#askEvents(asked, keys.events, signal);
      await Promise.all([
        this.#drawStrip(asked, keys.strip, signal),
        this.#drawEvents(asked, keys.events, { events, stage: null, signal }),
        this.inspect(asked, signal),
      ]);
      return true;
    });
  }

  /**
   * @param {View} asked
   * @param {string} key
   * @param {AbortSignal} signal
   */
  async #drawStrip(asked, key, signal) {
    const isShown = this.#shown.get("strip") === key;
    const answer = isShown ? undefined : await this.plots.strip.load(asked, signal);
    if (signal.aborted) return;
    this.stage.drawStrip(asked, answer);
    this.#shown.set("strip", key);
  }
}
