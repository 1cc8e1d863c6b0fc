/** A link to just what is shown: its window stays, however the recording grows. */

import { pinnedSearch } from "../charts/view_url.js";

const SAID_MS = 4000;

export class Permalink {
  #timer = 0;

  /**
   * @param {HTMLButtonElement} button
   * @param {HTMLElement} said
   * @param {Explorer} page
   */
  constructor(button, said, page) {
    this.said = said;
    this.page = page;
    button.addEventListener("click", () => this.copy());
  }

  get url() {
    const { origin, pathname } = window.location;
    return origin + pathname + pinnedSearch(this.page.stage.axis);
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
      this.page.view.pause();
      this.say("the address bar holds the link");
    }
  }

  say(text) {
    this.said.textContent = text;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.said.textContent = ""), SAID_MS);
  }
}
