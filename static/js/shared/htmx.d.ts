/** As much of htmx 4's events as the pages' scripts look at; the rest is said by hx- attributes. */

declare namespace Htmx {
  /** What an htmx: event is about. */
  interface Detail {
    ctx: {
      request: { action: string };
      /** Who asks, where that is not the browser. */
      fetch?: (url: string, options: RequestInit) => Promise<Response>;
      response?: { status: number };
    };
  }
}
