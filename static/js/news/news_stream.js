/**
 * htmx's server-sent events (hx-sse:connect) through the one connection that all tabs of a browser
 * share: its own would be one a page, and a browser keeps six to a server.
 */

import { listenForNews } from "./news.js";

export const STREAM = "/api/v1/stream";

/** News that only time has passed are passed on this seldom. */
const SELDOM_MS = 1000;

/** Let htmx read the shared stream; to be called before it looks at the page. */
export function shareStream() {
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = /** @type {CustomEvent<Htmx.Detail>} */ (event).detail;
    if (ctx.request.action === STREAM) ctx.fetch = async () => responseOf(newsStream());
  });
}

/** @param {ReadableStream<Uint8Array>} body */
const responseOf = (body) =>
  new Response(body, { headers: { "content-type": "text/event-stream" } });

/**
 * News as events without data, for an element to be triggered by: `news`, `time` (only time has
 * passed), `notes-N` (those of VM N may be others), `lost` (again and again while the server does not
 * answer) and `regained`. While nobody can see the page they wait, each once.
 */
function newsStream() {
  const encoder = new TextEncoder();
  /** @type {Set<string>} */
  const waiting = new Set();
  return new ReadableStream({
    start(controller) {
      const send = () => {
        if (document.hidden) return;
        for (const name of waiting) controller.enqueue(encoder.encode(`event: ${name}\ndata:\n\n`));
        waiting.clear();
      };
      const announce = (/** @type {string} */ name) => {
        waiting.add(name);
        send();
      };
      let announcedAt = -Infinity;
      const announceTime = () => {
        if (performance.now() - announcedAt < SELDOM_MS) return;
        announcedAt = performance.now();
        announce("time");
      };
      /** @type {Map<number | null, number | null>} by VM */
      const revisions = new Map();
      document.addEventListener("visibilitychange", send);
      listenForNews({
        changed: ({ isOnlyTime, vm, notes_revision }) => {
          if (isOnlyTime) announceTime();
          else announce("news");
          if (revisions.get(vm) !== notes_revision) announce(`notes-${vm}`);
          revisions.set(vm, notes_revision);
        },
        stormed: () => announce("news"),
        lost: () => announce("lost"),
        regained: () => announce("regained"),
      });
    },
  });
}
