/**
 * News from the server: "something of this VM changed up to t", never data. Whoever shows the VM
 * then asks for exactly what is on screen.
 */

export class LiveFeed extends EventTarget {
  /** Unix time (ms) of the last news. */
  heardAt = null;

  constructor(vmId) {
    super();
    this.source = new EventSource("/api/v1/stream");
    this.source.addEventListener("changed", (message) => {
      const news = JSON.parse(message.data);
      if (news.vm !== vmId) return;
      this.heardAt = Date.now();
      this.dispatchEvent(new CustomEvent("news", { detail: news.up_to }));
    });
    let wasBroken = false;
    this.source.addEventListener("error", () => {
      wasBroken = true;
    });
    this.source.addEventListener("open", () => {
      // What was said while the connection was down is lost: read again.
      if (wasBroken) this.dispatchEvent(new Event("restored"));
      wasBroken = false;
    });
  }
}
