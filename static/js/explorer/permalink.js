/** A link to just what is shown: its window stays, however the recording grows. */

import { byId } from "../shared/dom.js";
import { pinnedSearch } from "../view/view_url.js";

const REPORT_MS = 4000;

export class Permalink {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  status = byId("link-status");

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
      this.report("link copied");
    } catch {
      this.view.pause();
      this.report("the address bar holds the link");
    }
  }

  /** @param {string} text */
  report(text) {
    this.status.textContent = text;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.status.textContent = ""), REPORT_MS);
  }
}
