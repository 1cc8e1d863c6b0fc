/** Going from event to event: of those that the filters leave, at the place or in the addresses shown. */

import { placesMeant } from "./selected_events.js";
import { address, fetchJson } from "../../shared/rest.js";

export class EventSteps {
  /** The place that a person chose and steps stay at, and the event that the last one led to. */
  #place = null;
  #reached = null;
  #isBusy = false;

  /** @param {Explorer} page */
  constructor(page) {
    this.page = page;
  }

  /** The first event after the chosen one, from the cursor, or in the window. */
  showNext() {
    const { event, cursorInView, time } = this.page.view;
    this.go(event === null ? { from: cursorInView ?? time.from } : { after: event }, "later");
  }

  showPrevious() {
    const { event, cursorInView, time } = this.page.view;
    const end = event === null ? { to: cursorInView ?? time.to } : { after: event };
    this.go({ ...end, order: "desc" }, "earlier");
  }

  /** One question at a time: keys that repeat faster than answers come are let go. */
  async go(where, direction) {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      const { items } = await fetchJson(this.urlOf({ ...where, limit: 1 }));
      if (items.length) this.reach(items[0]);
      else this.page.events.tellNone(direction);
    } catch (error) {
      this.page.failed(error);
    }
    this.#isBusy = false;
  }

  urlOf(parameters) {
    const { view, path } = this.page;
    const meant = placesMeant(view, this.page.mapSize, this.placeIn(view));
    return address(`${path}/events`, { ...meant, ...view.filters, ...parameters });
  }

  /** Where steps stay: the cursor's address, unless it is that of an event that was gone to. */
  placeIn({ event, gpa }) {
    if (event === null) return gpa;
    return event === this.#reached ? this.#place : null;
  }

  reach(event) {
    const { view } = this.page;
    this.#place = this.placeIn(view);
    this.#reached = event.seq;
    view.showEvent(event.t_effect, this.#place ?? withinShown(view, event.gpa), event.seq);
  }
}

/** A range may begin below what is shown and reach into it. */
function withinShown(view, gpa) {
  if (gpa === null) return null;
  return Math.max(Number(gpa), view.gpaFrom ?? 0);
}
