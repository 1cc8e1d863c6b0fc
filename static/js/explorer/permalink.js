/** A link to just what is shown: its window stays, however the recording grows. */

import { byId } from "../shared/dom.js";
import { pinnedSearch } from "../view/view_url.js";

const SAID_MS = 4000;

export class Permalink {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  said = byId("link-said");

  /**
   * @param {import("../view/view.js").View} view
   * @param {import("../view/view.js").Staged} stage
   */
  constructor(view, stage) {
    this.view = view;
    this.stage = stage;
    byId("copy-link").addEventListener("click", () => this.copy());
  }

  get url() {
    const { origin, pathname } = window.location;
    return origin + pathname + pinnedSearch(this.stage.axis);
  }

  /**
   * Browsers offer the clipboard on loopback and by HTTPS only: elsewhere the view is pinned, so
   * that the address bar holds the link.
   */
  async copy() {
    try {
      await navigator.clipboard.writeText(this.url);
      this.say("link copied");
    } catch {
      this.view.pause();
      this.say("the address bar holds the link");
    }
  }

  /** @param {string} text */
  say(text) {
    this.said.textContent = text;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.said.textContent = ""), SAID_MS);
  }
}
