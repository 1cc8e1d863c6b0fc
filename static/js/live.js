/**
 * Following a recording while it is made. The server's news say "this VM changed up to t", never
 * data: the page then asks for exactly what it shows, seldom enough to leave the server in peace.
 */

const READ_MS = 400;
const AGE_MS = 1000;

export class LiveReader {
  /** Unix time (ms) of the last news. */
  heardAt = null;
  #timer = null;
  #mustDraw = false;

  /** @param {Explorer} page */
  constructor(page) {
    this.page = page;
    this.listen();
    document.addEventListener("visibilitychange", () => this.schedule());
    setInterval(() => page.status.showFollowing(page.view, page), AGE_MS);
  }

  listen() {
    const source = new EventSource("/api/v1/stream");
    let wasBroken = false;
    source.addEventListener("changed", ({ data }) => {
      const { vm, up_to } = JSON.parse(data);
      if (vm === this.page.vmId) this.take(up_to);
    });
    source.addEventListener("error", () => {
      wasBroken = true;
    });
    source.addEventListener("open", () => {
      // What was said while the connection was down is lost: read again.
      if (wasBroken) this.page.read();
      wasBroken = false;
    });
  }

  /** The VM's recording reaches up to `end`, or something else about it changed. */
  take(end) {
    const { view, status } = this.page;
    this.heardAt = Date.now();
    if (end > view.span[1] && view.grow(end)) this.#mustDraw = true;
    status.showFollowing(view, this.page);
    this.schedule();
  }

  schedule() {
    if (this.#timer !== null || document.hidden) return;
    this.#timer = setTimeout(() => this.read(), READ_MS);
  }

  async read() {
    const { page } = this;
    const mustDraw = this.#mustDraw;
    this.#mustDraw = false;
    try {
      await Promise.all([page.readFacts(), page.readMemslots()]);
    } catch (error) {
      page.failed(error);
    }
    if (mustDraw) await page.read();
    this.#timer = null;
    if (this.#mustDraw) this.schedule();
  }
}
