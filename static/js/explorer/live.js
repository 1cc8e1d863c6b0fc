/**
 * Following a recording while it is made. The server's news name the VM that changed and up to when, and hold
 * no data: the page then asks for exactly what it shows, seldom enough to leave the server in peace.
 */

import { listenForNews } from "../news/news.js";
import { RateLimitedTask } from "../shared/rate_limited_task.js";
import { ServerGone } from "../shared/rest.js";

const REST_MS = 150;
const AGE_MS = 500;

/**
 * Windows are half-open: what happened at the last instant that is stored lies before the end.
 * @param {number} lastT
 */
export const endOf = (lastT) => lastT + 1;

export class LiveReader {
  #mustDraw = false;
  #pace = new RateLimitedTask(() => this.read(), REST_MS);

  /**
   * @param {import("../view/subject.js").Subject} subject
   * @param {import("../view/view.js").View} view
   * @param {object} does
   * @param {() => Promise<void>} does.readAll what is shown, and what is known of the VM
   * @param {() => Promise<void>} does.readSubject what is known of the VM
   * @param {(error: Error) => void} does.showError
   * @param {() => void} does.showAge
   */
  constructor(subject, view, does) {
    this.subject = subject;
    this.view = view;
    this.does = does;
    listenForNews({
      changed: (news) => news.vm === subject.vm.id && this.readChanged(news),
      lost: () => does.showError(new ServerGone("The server does not answer.")),
      regained: () => this.readAll(),
    });
    setInterval(() => does.showAge(), AGE_MS);
  }

  /**
   * The VM's recording reaches further, or something else about it changed.
   * @param {import("../news/news.js").ChangeNews} news
   */
  readChanged({ up_to, isOnlyTime }) {
    const end = endOf(up_to);
    if (end > this.view.span[1]) {
      this.subject.storedAt = Date.now();
      if (this.view.grow(end)) this.#mustDraw = true;
    }
    if (isOnlyTime) this.#pace.askSeldom();
    else this.#pace.ask();
  }

  /** News that were sent while the connection was down are lost: read all again. */
  readAll() {
    this.#mustDraw = true;
    this.#pace.ask();
  }

  /** What is shown and what is known of the VM come together; without the one, the other alone. */
  async read() {
    const mustDraw = this.#mustDraw;
    this.#mustDraw = false;
    if (mustDraw) return this.does.readAll();
    return this.does.readSubject();
  }
}
