/**
 * Following a recording while it is made. The server's news say "this VM changed up to t", never
 * data: the page then asks for exactly what it shows, seldom enough to leave the server in peace.
 */

import { listenForNews } from "../shared/news.js";
import { PacedTask } from "../shared/paced_task.js";
import { ServerGone } from "../shared/rest.js";

const REST_MS = 150;
const AGE_MS = 500;

/** Windows are half-open: what happened at the last instant that is stored lies before the end. */
export const endOf = (lastT) => lastT + 1;

export class LiveReader {
  #mustDraw = false;
  #pace = new PacedTask(() => this.read(), REST_MS);

  /** @param {Explorer} page */
  constructor(page) {
    this.page = page;
    listenForNews({
      changed: (news) => news.vm === page.vmId && this.take(news),
      lost: () => page.tell(new ServerGone("The server does not answer.")),
      regained: () => this.takeAll(),
    });
    setInterval(() => page.showStatus(), AGE_MS);
  }

  /** The VM's recording reaches further, or something else about it changed. */
  take({ up_to, isOnlyTime }) {
    const { view } = this.page;
    const end = endOf(up_to);
    if (end > view.span[1]) {
      this.page.storedAt = Date.now();
      if (view.grow(end)) this.#mustDraw = true;
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
    const { page } = this;
    const mustDraw = this.#mustDraw;
    this.#mustDraw = false;
    if (mustDraw) return page.read(true);
    return page.readSubject();
  }
}
