/** Asking for what is shown, and drawing each part as soon as its answer is there. */

import { Latest } from "./rest.js";
import { placesMeant, selectedEvents } from "./selection.js";

export class Reading {
  #reads = new Latest();
  #cursorReads = new Latest();
  /** How often it was asked for what depends on the cursor, and which answer is shown. */
  #asked = 0;
  #shown = 0;

  /** @param {Explorer} page */
  constructor(page) {
    this.page = page;
  }

  /** Everything, the map being asked for first. Resolves to undefined if a newer question came. */
  all() {
    const { page } = this;
    return this.#reads.run((signal) =>
      drawn(signal, [
        [page.map.load(page.view, signal), (answer) => page.drawMap(answer)],
        [page.timeline.load(page.view, signal), (answer) => page.drawTimeline(answer)],
        ...this.#cursorParts(signal),
      ]),
    );
  }

  /** What depends on the cursor alone. */
  cursor() {
    return this.#cursorReads.run(async (signal) => {
      await Promise.all([drawn(signal, this.#cursorParts(signal)), this.#inspect(signal)]);
      return true;
    });
  }

  /** An answer that comes after that to a later question is too late. */
  #cursorParts(signal) {
    const { page } = this;
    const asked = ++this.#asked;
    const unlessLate = (draw) => (answer) => {
      if (asked < this.#shown) return;
      this.#shown = asked;
      draw(answer);
    };
    return [
      [page.strip.load(page.view, signal), unlessLate((answer) => page.drawStrip(answer))],
      [this.#loadEvents(signal), unlessLate((answer) => page.events.draw(page.view, answer))],
    ];
  }

  /** Events around the chosen one, under the cursor or in view: of those that the filters leave. */
  #loadEvents(signal) {
    const { view, mapSize, events, steps } = this.page;
    if (view.event !== null && view.cursorInView !== null) {
      const meant = { ...view.time, ...placesMeant(view, mapSize, steps.place) };
      return events.loadAround({ ...meant, ...view.filters }, view.event, signal);
    }
    const { filter, isUnderCursor } = selectedEvents(view, mapSize);
    return events.load({ ...filter, ...view.filters }, isUnderCursor, signal);
  }

  async #inspect(signal) {
    const { view, map, inspector, memslots } = this.page;
    const { cursorInView: t, gpa } = view;
    if (t === null || gpa === null || !map.parametersShown) return;
    await inspector.follow({ t, gpa }, map.parametersShown, memslots, signal);
  }
}

/** Draw each part when its answer is there. */
async function drawn(signal, parts) {
  await Promise.all(
    parts.map(async ([answer, draw]) => {
      const ready = await answer;
      if (!signal.aborted) draw(ready);
    }),
  );
  return true;
}
