/**
 * What is on screen: answers to one question, all placed by one window. An instant has one place on
 * every part, and it moves on all of them in the same step.
 *
 * The view says what is wanted. It is on stage once everything that was asked for it has come; until
 * then the old answers are moved to the wanted window, or, if the server does not answer, stay where
 * they are.
 */

import { showLegend } from "../charts/legend.js";

/** An answer that comes sooner is drawn without moving the old one first. */
const PATIENCE_MS = 100;

export class Stage {
  /** The view that the answers on screen were asked for; null before the first are. */
  shown = null;
  /** The view by which every part places what it draws. */
  axis;
  #timer = 0;
  #frame = 0;

  /** @param {Explorer} page */
  constructor(page) {
    this.page = page;
    this.axis = page.view.snapshot();
  }

  /** Whether more is wanted than is shown. */
  get isBehind() {
    return this.shown !== null && this.shown.changes !== this.page.view.changes;
  }

  /** Draw the first answers as they come: nothing is there that they could contradict. */
  async open(asked, answers, signal) {
    this.shown = asked;
    this.axis = asked.snapshot();
    const draw = async (name) => {
      const answer = await answers[name];
      if (!signal.aborted) this.#draw(asked, { [name]: answer });
    };
    await Promise.all(Object.keys(answers).map(draw));
  }

  /** Show these answers, all at once, in place of those before. */
  commit(asked, answers) {
    this.#stopMoving();
    this.shown = asked;
    this.axis = asked.snapshot();
    this.#draw(asked, answers);
    if (this.isBehind) this.#move(this.page.view);
  }

  #draw(asked, { subject, map, timeline, strip }) {
    const { page, axis } = this;
    if (subject) page.takeSubject(subject);
    if (map) this.#learnLayout(asked, map.raster);
    if (timeline) page.timeline.draw(axis, timeline);
    if (map) {
      page.map.draw(axis, map, page.memslots);
      showLegend(asked, page.map);
    }
    if (strip) page.drawStrip(asked, strip);
    page.placeMarks();
    page.controls.pointAgain();
    if (map) page.inspectCursor();
  }

  /** Without any known memslot, the layout is what the whole map covers. */
  #learnLayout(asked, raster) {
    if (this.page.memslots.length || asked.gpaFrom !== null || asked.gpaTo !== null) return;
    this.page.view.learnLayout(raster.bands);
    for (const view of [asked, this.axis]) view.layout = this.page.view.layout;
  }

  /** The view has changed: show where it goes if that takes long, at once if it goes on changing. */
  follow(isFirst) {
    const { page } = this;
    this.#stopMoving();
    const mayMove = !page.status.isGone;
    const isMoving = mayMove && !isFirst;
    this.#frame = requestAnimationFrame(() =>
      isMoving ? this.#move(page.view) : page.placeMarks(),
    );
    if (mayMove && isFirst) this.#timer = setTimeout(() => this.#move(page.view), PATIENCE_MS);
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

  /** Place all that is shown by another window. */
  #move(view) {
    const { page } = this;
    if (!view.hasWindowOf(this.axis)) {
      this.axis = view.snapshot();
      page.map.move(this.axis);
      page.timeline.move(this.axis);
      page.controls.pointAgain();
    }
    page.placeMarks();
  }
}
