/**
 * Following a recording while it is made. The server's news say "this VM changed up to t", never
 * data: the page then asks for exactly what it shows, seldom enough to leave the server in peace.
 */

import { listenForNews } from "../news/news.js";
import { PacedTask } from "../shared/paced_task.js";
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
  #pace = new PacedTask(() => this.read(), REST_MS);

  /**
   * @param {import("../view/subject.js").Subject} subject
   * @param {import("../view/view.js").View} view
   * @param {object} does
   * @param {() => Promise<void>} does.readAll what is shown, and what is known of the VM
   * @param {() => Promise<void>} does.readSubject what is known of the VM
   * @param {(error: Error) => void} does.tell
   * @param {() => void} does.showAge
   */
  constructor(subject, view, does) {
    this.subject = subject;
    this.view = view;
    this.does = does;
    listenForNews({
      changed: (news) => news.vm === subject.vm.id && this.take(news),
      lost: () => does.tell(new ServerGone("The server does not answer.")),
      regained: () => this.takeAll(),
    });
    setInterval(() => does.showAge(), AGE_MS);
  }

  /**
   * The VM's recording reaches further, or something else about it changed.
   * @param {import("../news/news.js").ChangeNews} news
   */
  take({ up_to, isOnlyTime }) {
    const end = endOf(up_to);
    if (end > this.view.span[1]) {
      this.subject.storedAt = Date.now();
      if (this.view.grow(end)) this.#mustDraw = true;
    }
    if (isOnlyTime) this.#pace.askSeldom();
    else this.#pace.ask();
  }

  /** What was said while the connection was down is lost: read all again. */
  takeAll() {
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
