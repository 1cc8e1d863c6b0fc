/**
 * What is on screen: answers to one question, all placed by one window. An instant has one place on
 * every part, and it moves on all of them in the same step.
 *
 * The view is what is wanted. It is on stage once everything that was asked for it has come; until
 * then the old answers are moved to the wanted window, or, if the server does not answer, stay where
 * they are.
 */

import { showLegend } from "../charts/legend.js";

/**
 * @typedef {import("../view/view.js").View} View
 * @typedef {import("../view/subject.js").Known} Known
 * @typedef {import("../charts/map.js").MapAnswer} MapAnswer
 * @typedef {import("../charts/timeline.js").TimelineAnswer} TimelineAnswer
 * @typedef {import("../charts/strip.js").StripAnswer} StripAnswer
 * @typedef {{map?: MapAnswer, timeline?: TimelineAnswer, strip?: StripAnswer, subject?: Known}} Answers
 *
 * What the page does besides, once something is drawn.
 * @typedef {object} Hooks
 * @property {(known: Known) => void} updateSubject
 * @property {(view: View, answer: StripAnswer) => void} showTotals
 * @property {() => void} placeMarks
 * @property {() => void} pointAgain what is under the pointer is another
 * @property {() => void} inspectCursor
 * @property {() => boolean} isServerGone
 */

/** An answer that comes sooner is drawn without moving the old one first. */
const PATIENCE_MS = 100;

export class Stage {
  /**
   * The view that the answers on screen were asked for; null before the first are.
   * @type {View | null}
   */
  shown = null;
  /** @type {Answers} what is drawn */
  #drawn = {};
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #frame = 0;

  /**
   * @param {View} view
   * @param {import("../view/subject.js").Subject} subject
   * @param {import("./view_requests.js").ViewRequests["plots"]} plots
   * @param {Hooks} hooks
   */
  constructor(view, subject, plots, hooks) {
    this.view = view;
    this.subject = subject;
    this.plots = plots;
    this.hooks = hooks;
    /** The view by which every part places what it draws. */
    this.axis = view.snapshot();
  }

  /** Whether more is wanted than is shown. */
  get isBehind() {
    return this.shown !== null && this.shown.changes !== this.view.changes;
  }

  /**
   * Draw the first answers as they come: nothing is there that they could contradict.
   * @param {View} asked
   * @param {{[Name in keyof Answers]: Promise<NonNullable<Answers[Name]>>}} answers
   * @param {AbortSignal} signal
   */
  async open(asked, answers, signal) {
    this.shown = asked;
    this.axis = asked.snapshot();
    const draw = async (/** @type {keyof Answers} */ name) => {
      const answer = await answers[name];
      if (!signal.aborted) this.#draw(asked, { [name]: answer });
    };
    await Promise.all([draw("map"), draw("timeline"), draw("strip")]);
  }

  /**
   * Show these answers, all at once, in place of those before; what has none stays as it is, unless it
   * was moved or is to be drawn in other colours or another size.
   * @param {View} asked
   * @param {Answers} answers
   * @param {boolean} isRestyled
   */
  commit(asked, answers, isRestyled) {
    this.#stopMoving();
    const isMoved = !asked.hasWindowOf(this.axis);
    this.shown = asked;
    this.axis = asked.snapshot();
    const { subject, ...given } = answers;
    const known = Object.fromEntries(Object.entries(given).filter(([, each]) => each));
    const again = isMoved || isRestyled ? this.#drawn : { strip: this.#drawn.strip };
    this.#draw(asked, { subject, ...again, ...known });
    if (this.isBehind) this.#move(this.view);
  }

  /**
   * @param {View} asked
   * @param {Answers} answers
   */
  #draw(asked, { subject, ...answers }) {
    const { axis, hooks, plots } = this;
    const { map, timeline, strip } = answers;
    Object.assign(this.#drawn, answers);
    if (subject) hooks.updateSubject(subject);
    if (map) this.#learnLayout(asked, map.raster);
    if (timeline) plots.timeline.draw(axis, timeline);
    if (map) {
      plots.map.draw(axis, map);
      showLegend(asked.measure, map.raster, plots.map.axis, plots.map.overlay.element);
    }
    if (strip) this.drawStrip(asked, strip);
    hooks.placeMarks();
    hooks.pointAgain();
    hooks.inspectCursor();
  }

  /**
   * The strip shows the cursor, too: it is drawn anew even where its answer is the one before.
   * @param {View} view
   * @param {StripAnswer | undefined} [answer]
   */
  drawStrip(view, answer = this.#drawn.strip) {
    if (!answer) return;
    this.#drawn.strip = answer;
    this.plots.strip.draw(view, answer);
    this.hooks.showTotals(view, answer);
  }

  /**
   * Without any known memslot, the layout is what the whole map covers.
   * @param {View} asked
   * @param {MapAnswer["raster"]} raster
   */
  #learnLayout(asked, raster) {
    if (this.subject.memslots.length || asked.gpaFrom !== null || asked.gpaTo !== null) return;
    this.view.learnLayout(raster.bands);
    for (const view of [asked, this.axis]) view.layout = this.view.layout;
  }

  /**
   * The view has changed: show where it goes if that takes long, at once if it goes on changing.
   * @param {boolean} isFirst
   */
  follow(isFirst) {
    this.#stopMoving();
    const mayMove = !this.hooks.isServerGone();
    const isMoving = mayMove && !isFirst;
    this.#frame = requestAnimationFrame(() =>
      isMoving ? this.#move(this.view) : this.hooks.placeMarks(),
    );
    if (mayMove && isFirst) this.#timer = setTimeout(() => this.#move(this.view), PATIENCE_MS);
  }

  /** No answer comes: what is shown stands where it stood. */
  restore() {
    this.#stopMoving();
    if (this.shown !== null) this.#move(this.shown);
  }

  #stopMoving() {
    clearTimeout(this.#timer);
    cancelAnimationFrame(this.#frame);
  }

  /**
   * Place all that is shown by another window.
   * @param {View} view
   */
  #move(view) {
    if (!view.hasWindowOf(this.axis)) {
      this.axis = view.snapshot();
      this.plots.map.move(this.axis);
      this.plots.timeline.move(this.axis);
      this.hooks.pointAgain();
    }
    this.hooks.placeMarks();
  }
}
