/** The browser's address and its history: they follow the view, and the view follows them. */

import { readUrl, searchOf } from "./view_url.js";

/**
 * @typedef {import("./view.js").View} View
 * @typedef {import("./subject.js").Subject} Subject
 */

export class AddressBar {
  /**
   * @param {View} view
   * @param {Subject} subject
   */
  constructor(view, subject) {
    this.view = view;
    this.subject = subject;
    window.addEventListener("popstate", () => this.#read(window.location.search));
  }

  /** Let the page's address hold what is shown. Browsers allow few changes of it a second. */
  show() {
    window.history.replaceState(null, "", this.#path);
  }

  /** Let the browser's back button return to what is shown now: before a jump, not a step. */
  keep() {
    window.history.replaceState(null, "", this.#path);
    window.history.pushState(null, "", this.#path);
  }

  /**
   * Show what a query string holds, as if its link had been followed.
   * @param {string} search
   */
  goTo(search) {
    this.keep();
    this.#read(search);
  }

  showWhole() {
    this.keep();
    this.view.showWhole(this.subject.isLive);
  }

  /** @param {string} search */
  #read(search) {
    readUrl(this.view, search, this.subject.isLive);
    this.view.changed();
  }

  get #path() {
    return window.location.pathname + searchOf(this.view);
  }
}
