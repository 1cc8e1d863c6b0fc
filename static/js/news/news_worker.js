/**
 * One connection for all tabs of a browser: over HTTP/1.1 a browser keeps six to a server, so that
 * the seventh tab with a connection of its own would wait for ever.
 */

import { NewsSource } from "./news_source.js";

/** @type {Set<MessagePort>} */
const ports = new Set();
const source = new NewsSource((news) => ports.forEach((port) => port.postMessage(news)));

self.addEventListener("connect", (event) => {
  const [port] = /** @type {MessageEvent} */ (event).ports;
  ports.add(port);
  source.past.forEach((news) => port.postMessage(news));
  // A tab sends nothing but that it goes.
  port.addEventListener("message", () => ports.delete(port));
  port.start();
});
