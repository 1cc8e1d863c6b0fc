/** Doing something again and again, at once where possible, but never without rest. */

const SELDOM_MS = 1000;

export class RateLimitedTask {
  /** @type {ReturnType<typeof setTimeout> | 0 | null} null: it is not at work and does not rest */
  #timer = null;
  #isWanted = false;
  #begunAt = -Infinity;

  /**
   * Rests after each time at least as long as it took, so that a slow server gets no more to do.
   * @param {() => Promise<unknown> | unknown} act must not fail
   * @param {number} restMs the shortest rest
   */
  constructor(act, restMs) {
    this.act = act;
    this.restMs = restMs;
    document.addEventListener("visibilitychange", () => this.#isWanted && this.ask());
  }

  /** Do it if it is long ago. */
  askSeldom() {
    if (performance.now() - this.#begunAt >= SELDOM_MS) this.ask();
  }

  /** Do it as soon as it is due; while nobody can see the page, when somebody can again. */
  ask() {
    this.#isWanted = true;
    if (this.#timer === null && !document.hidden) this.#run();
  }

  async #run() {
    this.#isWanted = false;
    this.#timer = 0;
    this.#begunAt = performance.now();
    await this.act();
    const rest = Math.max(this.restMs, performance.now() - this.#begunAt);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#isWanted) this.ask();
    }, rest);
  }
}
