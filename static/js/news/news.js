/** What this page hears of the server: news of what changed, and whether it can be reached. */

import { NewsSource } from "./news_source.js";

/**
 * @typedef {import("./news_source.js").ChangeNews} ChangeNews
 * @typedef {import("./news_source.js").News} News
 */

/** An answer that was on its way when the server went makes the page look well. */
const AGAIN_MS = 1000;

/**
 * Listen from now on; what is known already comes first.
 * @param {object} to
 * @param {(news: ChangeNews) => void} to.changed
 * @param {() => void} [to.stormed] a storm began, goes on or has ended
 * @param {() => void} to.lost the server does not answer; called again and again while it does not
 * @param {() => void} to.regained it does again; what it sent meanwhile was missed
 */
export function listenForNews({ changed, stormed, lost, regained }) {
  /** @type {ReturnType<typeof setInterval> | null} */
  let repeating = null;
  const receive = (/** @type {News} */ news) => {
    if (news.kind === "changed") {
      changed(news);
    } else if (news.kind === "storm") {
      stormed?.();
    } else if (news.kind === "down") {
      lost();
      repeating ??= setInterval(lost, AGAIN_MS);
    } else if (repeating !== null) {
      clearInterval(repeating);
      repeating = null;
      regained();
    }
  };
  if (window.SharedWorker) listenToWorker(receive);
  else new NewsSource(receive);
}

/** @param {(news: News) => void} receive */
function listenToWorker(receive) {
  const { port } = new SharedWorker(new URL("./news_worker.js", import.meta.url), {
    type: "module",
  });
  port.addEventListener("message", ({ data }) => receive(data));
  port.start();
  window.addEventListener("pagehide", () => port.postMessage("bye"), { once: true });
  window.addEventListener("pageshow", ({ persisted }) => persisted && listenToWorker(receive), {
    once: true,
  });
}
