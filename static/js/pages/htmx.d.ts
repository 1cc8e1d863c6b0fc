/** As much of htmx 4 as the pages' scripts call; the rest is said by hx- attributes. */

declare const htmx: {
  /** Resolves when the answer is in the page; a request that fails does not reject. */
  ajax(method: "GET", url: string, where: { target: string; swap: string }): Promise<void>;
};
