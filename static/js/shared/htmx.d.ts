/** As much of htmx 4 as the pages' scripts use; the rest is written as hx- attributes. */

declare namespace Htmx {
  /** What an htmx: event is about. */
  interface Detail {
    ctx: {
      request: { action: string; method: string };
      /** Who asks, where that is not the browser. */
      fetch?: (url: string, options: RequestInit) => Promise<Response>;
      response?: { status: number };
      /** The answer's body. */
      text?: string;
    };
  }
}

declare const htmx: {
  /** Look at an element's hx- attributes, which a script has set. */
  process(element: Element): void;
};
