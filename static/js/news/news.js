/** What this page hears of the server: news of what changed, and whether it can be reached. */

import { NewsSource } from "./news_source.js";

/**
 * @typedef {import("./news_source.js").ChangeNews} ChangeNews
 * @typedef {import("./news_source.js").News} News
 */

/** An answer that was on its way when the server went has the page say that all is well. */
const AGAIN_MS = 1000;

/**
 * Listen from now on; what is known already is told first.
 * @param {object} to
 * @param {(news: ChangeNews) => void} to.changed
 * @param {() => void} to.lost the server does not answer; told again and again while it does not
 * @param {() => void} to.regained it does again; what it said meanwhile was missed
 */
export function listenForNews({ changed, lost, regained }) {
  /** @type {ReturnType<typeof setInterval> | null} */
  let telling = null;
  const take = (/** @type {News} */ news) => {
    if (news.kind === "changed") {
      changed(news);
    } else if (news.kind === "down") {
      lost();
      telling ??= setInterval(lost, AGAIN_MS);
    } else if (telling !== null) {
      clearInterval(telling);
      telling = null;
      regained();
    }
  };
  if (window.SharedWorker) listenToWorker(take);
  else new NewsSource(take);
}

/** @param {(news: News) => void} take */
function listenToWorker(take) {
  const { port } = new SharedWorker(new URL("./news_worker.js", import.meta.url), {
    type: "module",
  });
  port.addEventListener("message", ({ data }) => take(data));
  port.start();
  window.addEventListener("pagehide", () => port.postMessage("bye"), { once: true });
  window.addEventListener("pageshow", ({ persisted }) => persisted && listenToWorker(take), {
    once: true,
  });
}
