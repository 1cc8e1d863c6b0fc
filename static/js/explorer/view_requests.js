/** Asking for what is wanted, and putting it on stage when all of it is there. */

import { Latest } from "../shared/rest.js";
import { placesMeant, selectedEvents } from "./events/selected_events.js";

export class ViewRequests {
  #reads = new Latest();
  #cursorReads = new Latest();
  /** How often it was asked for what depends on the cursor. */
  #asked = 0;

  /** @param {Explorer} page */
  constructor(page) {
    this.page = page;
  }

  /**
   * Everything, the map being asked for first, and if it is said so what does not depend on the view.
   * Resolves to undefined if a newer question came.
   */
  all(withSubject) {
    const { page } = this;
    return this.#reads.run(async (signal) => {
      const asked = page.view.snapshot();
      const order = ++this.#asked;
      const answers = {
        map: page.map.load(asked, signal),
        timeline: page.timeline.load(asked, signal),
        strip: page.strip.load(asked, signal),
        ...(withSubject && { subject: page.loadSubject(signal) }),
      };
      const events = this.#loadEvents(asked, signal);
      const stage = this.#putOnStage(asked, answers, signal);
      await Promise.all([stage, this.#drawEvents(asked, events, stage, signal)]);
      if (order !== this.#asked) await this.cursor(); // it has moved meanwhile, in what was shown before
      return true;
    });
  }

  async #putOnStage(asked, answers, signal) {
    const { stage } = this.page;
    if (stage.shown === null) return stage.open(asked, answers, signal);
    const names = Object.keys(answers);
    const ready = await Promise.all(Object.values(answers));
    if (signal.aborted) return;
    stage.commit(asked, Object.fromEntries(names.map((name, i) => [name, ready[i]])));
  }

  /** The table has no axis, and a filter may take long: the rest does not wait for it. */
  async #drawEvents(asked, events, before, signal) {
    const [answer] = await Promise.all([events, before]);
    if (!signal.aborted) this.page.events.draw(asked, answer);
  }

  /** What depends on the cursor alone, in what is shown. */
  cursor() {
    return this.#cursorReads.run(async (signal) => {
      const { stage, view, strip } = this.page;
      if (stage.shown === null) return false;
      this.#asked += 1;
      const asked = stage.shown.snapshot();
      asked.takeCursor(view);
      const drawStrip = async (answer) => {
        const ready = await answer;
        if (!signal.aborted) this.page.drawStrip(asked, ready);
      };
      const events = this.#loadEvents(asked, signal);
      await Promise.all([
        drawStrip(strip.load(asked, signal)),
        this.#drawEvents(asked, events, null, signal),
        this.#inspect(asked, signal),
      ]);
      return true;
    });
  }

  /** Events around the chosen one, under the cursor or in view: of those that the filters leave. */
  #loadEvents(asked, signal) {
    const { mapSize, events, eventSteps } = this.page;
    if (asked.event !== null && asked.cursorInView !== null) {
      const meant = { ...asked.time, ...placesMeant(asked, mapSize, eventSteps.placeIn(asked)) };
      return events.loadAround({ ...meant, ...asked.filters }, asked.event, signal);
    }
    const { filter, isUnderCursor } = selectedEvents(asked, mapSize);
    return events.load({ ...filter, ...asked.filters }, isUnderCursor, signal);
  }

  async #inspect({ t, gpa, isCursorInView }, signal) {
    const { map, inspector, memslots } = this.page;
    if (gpa === null || !isCursorInView || !map.parametersShown) return;
    await inspector.follow({ t, gpa }, map.parametersShown, memslots, signal);
  }
}
