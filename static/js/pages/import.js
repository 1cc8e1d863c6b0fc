/**
 * Importing files: sending them, following their imports, cancelling either. Each has an entry of
 * its own; the server imports one after another. What it says is shown as it says it.
 */

import { byId, made, partOf } from "../shared/dom.js";
import { messageOf } from "../shared/rest.js";
import { formatCount, formatSize } from "../shared/units.js";

/**
 * @typedef {import("../shared/rest_types.d.ts").ImportView} ImportView
 * What `gmemscope import --json` prints, as far as it is shown.
 * @typedef {object} Summary
 * @property {number} recording
 * @property {{id: number, name: string}[]} vms
 * @property {{requested: number}} conversions
 * @property {boolean} already_imported
 */

const POLL_MS = 300;
const UNDER_WAY = ["receiving", "waiting", "running"];
const CANCELLED = "Cancelled: nothing was kept.";
const IMPORTS = "/api/v1/imports";

const drop = byId("drop");
const input = byId("file", HTMLInputElement);
const entries = byId("imports");
const template = byId("entry", HTMLTemplateElement);
const limit = Number(drop.dataset.limit);

input.addEventListener("change", () => take([...(input.files ?? [])]));
for (const kind of ["dragenter", "dragover"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const kind of ["dragleave", "drop"]) {
  drop.addEventListener(kind, () => drop.classList.remove("over"));
}
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  take([...(event.dataTransfer?.files ?? [])]);
});
showOthers();

/** @param {File[]} files */
function take(files) {
  const { activeElement } = document;
  const hasFocus = activeElement === input || activeElement === document.body;
  const [first] = files.map((file) =>
    sendAndFollow(new Entry(`${file.name}, ${formatSize(file.size)}`), file),
  );
  if (hasFocus) first?.cancel.focus();
  input.value = "";
}

/** What was sent before this page was loaded, or by somebody else. */
async function showOthers() {
  const answer = await fetch(IMPORTS);
  if (!answer.ok) return;
  /** @type {ImportView[]} */
  const jobs = await answer.json();
  for (const job of jobs) {
    if (!UNDER_WAY.includes(job.state)) continue;
    const entry = new Entry(`${job.name}, ${formatSize(job.file_bytes)}`);
    entry.run(() => follow(entry, job.id));
  }
}

/**
 * @param {Entry} entry
 * @param {File} file
 */
function sendAndFollow(entry, file) {
  if (file.size > limit) {
    // Not sent at all: a server that refuses while a browser sends is taken for one that is gone.
    entry.tell(
      `${file.name} has ${formatSize(file.size)}, the limit here is ${formatSize(limit)}: import it on the server by \`gmemscope import\`.`,
      true,
    );
    entry.close();
  } else {
    entry.run(async () => follow(entry, (await send(entry, file)).id));
  }
  return entry;
}

class Entry {
  static count = 0;

  /** @type {(() => void) | null} what the button does now */
  abandon = null;

  /** @param {string} words */
  constructor(words) {
    const copy = document.importNode(template.content, true);
    this.element = partOf(copy, "li");
    this.title = partOf(copy, "h2");
    this.bar = partOf(copy, "progress", HTMLProgressElement);
    this.said = partOf(copy, ".said");
    this.cancel = partOf(copy, "button");
    this.result = partOf(copy, ".result");
    this.title.textContent = words;
    this.title.id = `import-${Entry.count++}`;
    for (const named of [this.bar, this.cancel]) {
      named.setAttribute("aria-describedby", this.title.id);
    }
    this.bar.setAttribute("aria-labelledby", this.title.id);
    this.cancel.addEventListener("click", () => this.abandon?.());
    entries.prepend(this.element);
  }

  /** @param {() => Promise<ImportView>} job resolves to what became of it */
  async run(job) {
    let isShown = false;
    try {
      isShown = this.show(await job());
    } catch (error) {
      this.tell(messageOf(error), true);
    }
    this.close(isShown);
  }

  close(isShown = false) {
    const hasFocus = document.activeElement === this.cancel;
    this.abandon = null;
    for (const part of [this.bar, this.said, this.cancel.parentElement ?? this.cancel]) {
      part.hidden = true;
    }
    const next = isShown ? this.result.querySelector("a") : input;
    if (hasFocus) next?.focus();
  }

  /**
   * @param {number | null} done null: nobody knows
   * @param {number | null} total null: nothing is measured
   * @param {string} words
   */
  measure(done, total, words) {
    this.bar.hidden = total === null;
    if (done === null) this.bar.removeAttribute("value");
    else [this.bar.max, this.bar.value] = [total || 1, done];
    this.said.textContent = words;
  }

  /**
   * Returns whether there is a recording to go on to.
   * @param {ImportView} job
   */
  show(job) {
    if (job.summary === null) {
      const isCancelled = job.state === "cancelled";
      this.tell(isCancelled ? CANCELLED : (job.problem ?? "It failed."), !isCancelled);
      return false;
    }
    const {
      recording,
      vms,
      conversions,
      already_imported: isKnown,
    } = /** @type {Summary} */ (/** @type {unknown} */ (job.summary));
    this.tell(
      job.problem ?? (isKnown ? "This file was imported already." : "Imported."),
      job.problem !== null,
    );
    const list = document.createElement("ul");
    list.append(
      item(
        `/recordings/${recording}`,
        `recording ${recording}`,
        `: ${formatCount(conversions.requested)} conversions`,
      ),
      ...vms.map((vm) => item(`/vms/${vm.id}`, vm.name, "")),
    );
    this.result.append(list);
    return true;
  }

  /**
   * @param {string} words
   * @param {boolean} isBad
   */
  tell(words, isBad) {
    this.result.hidden = false;
    const line = made("p", words);
    if (isBad) Object.assign(line, { className: "failed", role: "alert" });
    this.result.replaceChildren(line);
  }
}

/**
 * XMLHttpRequest, because fetch does not tell how much was sent.
 * @param {Entry} entry
 * @param {File} file
 * @returns {Promise<ImportView>}
 */
function send(entry, file) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${IMPORTS}?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      entry.measure(loaded, total, `sent ${formatSize(loaded)} of ${formatSize(total)}`);
    });
    request.addEventListener("load", () => {
      if (request.status === 202) resolve(request.response);
      else reject(new Error(request.response?.detail ?? `the server answered ${request.status}`));
    });
    request.addEventListener("error", () => reject(new Error("The server does not answer.")));
    request.addEventListener("abort", () => reject(new Error(CANCELLED)));
    entry.abandon = () => request.abort();
    request.send(file);
  });
}

/**
 * @param {Entry} entry
 * @param {number} id
 * @returns {Promise<ImportView>}
 */
async function follow(entry, id) {
  const path = `${IMPORTS}/${id}`;
  entry.abandon = () => fetch(path, { method: "DELETE" });
  for (;;) {
    const answer = await fetch(path);
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    /** @type {ImportView} */
    const job = await answer.json();
    if (!UNDER_WAY.includes(job.state)) return job;
    tellProgress(entry, job);
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
}

/**
 * @param {Entry} entry
 * @param {ImportView} job
 */
function tellProgress(entry, job) {
  const size = formatSize(job.file_bytes);
  if (job.state === "receiving") {
    entry.measure(
      job.received_bytes,
      job.file_bytes,
      `sent ${formatSize(job.received_bytes)} of ${size}`,
    );
  } else if (job.state === "waiting") {
    const others = job.place ?? 0;
    const before = others === 1 ? "one other is" : `${formatCount(others)} others are`;
    entry.measure(null, null, `waits: ${before} imported first`);
  } else {
    const read = job.bytes_read === null ? "" : `read ${formatSize(job.bytes_read)} of ${size}, `;
    entry.measure(job.bytes_read, job.file_bytes, `${read}${formatCount(job.calls)} calls`);
  }
}

/**
 * @param {string} href
 * @param {string} text
 * @param {string} more
 */
function item(href, text, more) {
  const link = Object.assign(document.createElement("a"), { href, textContent: text });
  const entry = document.createElement("li");
  entry.append(link, more);
  return entry;
}
