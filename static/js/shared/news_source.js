/** The server's news, as they come: which VM changed and up to when. Reconnects for ever. */

const RETRY_MS = 1000;

export class NewsSource {
  #latest = new Map();
  /** Null: the first connection is not there yet, and was not refused either. */
  #isUp = null;

  /**
   * @param {(news: object) => void} tell of {kind: "up" | "down"} and {kind: "changed", ...}, which
   *   has `isOnlyTime` if nothing happened but that time has passed
   */
  constructor(tell) {
    this.tell = tell;
    this.connect();
  }

  /** What somebody who comes later missed. */
  get past() {
    const state = this.#isUp === null ? [] : [{ kind: this.#isUp ? "up" : "down" }];
    return [...state, ...this.#latest.values()];
  }

  connect() {
    const source = new EventSource("/api/v1/stream");
    source.addEventListener("open", () => this.turn(true));
    source.addEventListener("changed", ({ data }) => {
      const news = { kind: "changed", isOnlyTime: false, ...JSON.parse(data) };
      const which = `${news.recording} ${news.vm}`;
      const before = this.#latest.get(which);
      this.#latest.set(which, news);
      const isOnlyTime = before?.revision === news.revision && before.up_to !== news.up_to;
      this.tell({ ...news, isOnlyTime });
    });
    source.addEventListener("error", () => {
      this.turn(false);
      // A lost connection is tried again by the browser, a refused one is not.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.connect(), RETRY_MS);
    });
  }

  turn(isUp) {
    if (isUp !== this.#isUp) this.tell({ kind: isUp ? "up" : "down" });
    this.#isUp = isUp;
  }
}
