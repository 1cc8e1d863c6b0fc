/** When the server is asked for what the view needs: at once, when the view pauses, after a failure. */

import { Refused } from "../shared/rest.js";

/** @typedef {Parameters<import("./view_requests.js").ViewRequests["all"]>[0]} How */

const SETTLE_MS = 60;
const RETRY_MS = 2000;

export class ViewReader {
  #changedAt = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} until the view has settled */
  #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} until the server is asked again */
  #retry;
  /**
   * How the next read is to be, by all that has changed since the last.
   * @type {How}
   */
  #how = {};

  /**
   * @param {import("./view_requests.js").ViewRequests} requests
   * @param {object} page
   * @param {HTMLElement} page.root busy while an answer is awaited
   * @param {import("./stage.js").Stage} page.stage
   * @param {import("./status.js").Status} page.status
   * @param {import("../view/address_bar.js").AddressBar} page.addressBar
   */
  constructor(requests, { root, stage, status, addressBar }) {
    this.requests = requests;
    this.root = root;
    this.stage = stage;
    this.status = status;
    this.addressBar = addressBar;
  }

  /**
   * The window, the cursor or the measure changed: ask for it at once, or, while it keeps changing,
   * as soon as it pauses; show meanwhile what can be shown.
   * @param {How} [how]
   */
  viewChanged(how) {
    const isFirst = performance.now() - this.#changedAt > SETTLE_MS;
    this.#changedAt = performance.now();
    this.#how = { ...this.#how, ...how };
    clearTimeout(this.#timer);
    if (isFirst) this.read();
    else this.#timer = setTimeout(() => this.read(), SETTLE_MS);
    this.stage.follow(isFirst);
  }

  /**
   * Ask for what is wanted and not shown yet, and draw it. Older questions are aborted.
   * @param {How} [how]
   */
  async read(how) {
    const wanted = { ...this.#how, ...how };
    this.#how = {};
    clearTimeout(this.#timer);
    clearTimeout(this.#retry);
    this.addressBar.show();
    this.root.setAttribute("aria-busy", "true");
    try {
      const isNewest = await this.requests.all(wanted);
      if (!isNewest) return;
      this.status.showRead();
      this.root.dataset.ready = "true";
    } catch (error) {
      this.failed(error);
    }
    this.root.setAttribute("aria-busy", "false");
  }

  /** As `read`, where only the cursor has moved in time. Resolves to whether the server answers. */
  async readCursor() {
    try {
      if (await this.requests.cursor()) this.status.showRead();
      return true;
    } catch (error) {
      this.failed(error);
      return false;
    }
  }

  /** @param {unknown} error */
  failed(error) {
    this.showError(error);
    this.stage.restore();
    this.root.setAttribute("aria-busy", "false");
    clearTimeout(this.#retry);
    if (error instanceof Refused) return;
    this.#retry = setTimeout(() => this.read({ isRenewed: true }), RETRY_MS);
  }

  /** @param {unknown} error */
  showError(error) {
    this.status.showError(error, this.stage.isBehind);
  }
}
