/**
 * The server's news, as they come: which VM changed and up to when, that a storm began, goes on or has
 * ended. Reconnects for ever.
 */

/**
 * What the server reports of a VM; `isOnlyTime`: nothing happened but that time has passed.
 * @typedef {{kind: "changed", isOnlyTime: boolean} & import("../shared/rest_types.d.ts").Changed} ChangeNews
 * And of a storm, and whether it can be reached.
 * @typedef {ChangeNews | {kind: "storm"} | {kind: "up" | "down"}} News
 */

const RETRY_MS = 1000;

export class NewsSource {
  /** @type {Map<string, ChangeNews>} */
  #latest = new Map();
  /** @type {boolean | null} null: the first connection is not there yet, and was not refused either */
  #isUp = null;

  /** @param {(news: News) => void} publish */
  constructor(publish) {
    this.publish = publish;
    this.connect();
  }

  /**
   * What somebody who comes later missed.
   * @returns {News[]}
   */
  get past() {
    const changes = [...this.#latest.values()];
    return this.#isUp === null ? changes : [{ kind: this.#isUp ? "up" : "down" }, ...changes];
  }

  connect() {
    const source = new EventSource("/api/v1/stream");
    source.addEventListener("open", () => this.turn(true));
    source.addEventListener("changed", ({ data }) => {
      /** @type {ChangeNews} */
      const news = { kind: "changed", isOnlyTime: false, ...JSON.parse(data) };
      const which = `${news.recording} ${news.vm}`;
      const before = this.#latest.get(which);
      this.#latest.set(which, news);
      const isOnlyTime = before?.revision === news.revision && before.up_to !== news.up_to;
      this.publish({ ...news, isOnlyTime });
    });
    source.addEventListener("storm", () => this.publish({ kind: "storm" }));
    source.addEventListener("error", () => {
      this.turn(false);
      // A lost connection is tried again by the browser, a refused one is not.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.connect(), RETRY_MS);
    });
  }

  /** @param {boolean} isUp */
  turn(isUp) {
    if (isUp !== this.#isUp) this.publish({ kind: isUp ? "up" : "down" });
    this.#isUp = isUp;
  }
}
