/** Going from event to event: of those that the filters leave, at the place or in the addresses shown. */

import { placesMeant } from "./selected_events.js";

/**
 * @typedef {import("../../view/view.js").View} View
 * @typedef {import("../../shared/rest_types.d.ts").Event} Event
 * @typedef {import("../../shared/rest.js").Parameters} Parameters
 * @typedef {object} Stepping
 * @property {() => import("./selected_events.js").Size} mapSize
 * @property {(direction: string) => void} none there is no event to go on to
 * @property {(error: unknown) => void} failed
 */

export class EventNavigation {
  /** @type {number | null} the place that a person chose and steps stay at */
  #place = null;
  /** @type {number | null} the event that the last step led to */
  #reached = null;
  #isBusy = false;

  /**
   * @param {View} view
   * @param {import("../../shared/resources.js").VmResource} resource
   * @param {Stepping} page
   */
  constructor(view, resource, { mapSize, none, failed }) {
    this.view = view;
    this.resource = resource;
    this.mapSize = mapSize;
    this.none = none;
    this.failed = failed;
  }

  /** The first event after the chosen one, from the cursor, or in the window. */
  showNext() {
    const { event, cursorInView, time } = this.view;
    this.go(event === null ? { from: cursorInView ?? time.from } : { after: event }, "later");
  }

  showPrevious() {
    const { event, cursorInView, time } = this.view;
    const end = event === null ? { to: cursorInView ?? time.to } : { after: event };
    this.go({ ...end, order: "desc" }, "earlier");
  }

  /**
   * One question at a time: keys that repeat faster than answers come are let go.
   * @param {Parameters} where
   * @param {string} direction
   */
  async go(where, direction) {
    if (this.#isBusy) return;
    this.#isBusy = true;
    const meant = placesMeant(this.view, this.mapSize(), this.placeIn(this.view));
    const question = { ...meant, ...this.view.filters, ...where, limit: 1 };
    try {
      const { items } = await this.resource.get("events", question);
      if (items.length) this.reach(items[0]);
      else this.none(direction);
    } catch (error) {
      this.failed(error);
    }
    this.#isBusy = false;
  }

  /**
   * Where steps stay: the cursor's address, unless it is that of an event that was gone to.
   * @param {View} view
   */
  placeIn({ event, gpa }) {
    if (event === null) return gpa;
    return event === this.#reached ? this.#place : null;
  }

  /** @param {Event} event */
  reach(event) {
    const { view } = this;
    this.#place = this.placeIn(view);
    this.#reached = event.seq;
    view.showEvent(event.t_effect, this.#place ?? withinShown(view, event.gpa), event.seq);
  }
}

/**
 * A range may begin below what is shown and reach into it.
 * @param {View} view
 * @param {string | null} gpa
 */
function withinShown(view, gpa) {
  if (gpa === null) return null;
  return Math.max(Number(gpa), view.gpaFrom ?? 0);
}
