/**
 * Importing files: sending them. Each has an entry of its own; once the server has the whole file, the
 * entry is a fragment that htmx reads again until the import is over (templates/import_entry.html).
 */

import { byId, made, partOf } from "../shared/dom.js";
import { messageOf } from "../shared/rest.js";
import { formatSize } from "../shared/units.js";
import { watchFragments } from "./fragments.js";

/** @typedef {import("../shared/rest_types.d.ts").ImportView} ImportView */

const CANCELLED = "Cancelled: nothing was kept.";
const IMPORTS = "/api/v1/imports";

const drop = byId("drop");
const input = byId("file", HTMLInputElement);
const entries = byId("imports");
const template = byId("entry", HTMLTemplateElement);
const limit = Number(drop.dataset.limit);
const TOO_LARGE = `the limit here is ${formatSize(limit)}: import it on the server by \`gmemscope import\`.`;

input.addEventListener("change", () => sendAll([...(input.files ?? [])]));
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
  sendAll([...(event.dataTransfer?.files ?? [])]);
});
keepFocus();

/** @param {File[]} files */
function sendAll(files) {
  const { activeElement } = document;
  const hasFocus = activeElement === input || activeElement === document.body;
  const [first] = files.map((file) => new Upload(file));
  if (hasFocus && first?.isUnderWay) first.cancel.focus();
  input.value = "";
}

/** One file, until the server has all of it. */
class Upload {
  static count = 0;

  /** @param {File} file */
  constructor(file) {
    const copy = document.importNode(template.content, true);
    this.element = partOf(copy, "li");
    this.title = partOf(copy, "h2");
    this.bar = partOf(copy, "progress", HTMLProgressElement);
    this.progress = partOf(copy, ".progress-text");
    this.cancel = partOf(copy, "button");
    this.result = partOf(copy, ".result");
    this.title.textContent = `${file.name}, ${formatSize(file.size)}`;
    this.title.id = `upload-${Upload.count++}`;
    this.cancel.setAttribute("aria-describedby", this.title.id);
    this.bar.setAttribute("aria-labelledby", this.title.id);
    entries.prepend(this.element);
    // Not sent at all: a server that refuses while a browser sends is taken for one that is gone.
    this.isUnderWay = file.size <= limit;
    if (this.isUnderWay) this.send(file);
    else this.fail(`${file.name} has ${formatSize(file.size)}, ${TOO_LARGE}`);
  }

  /** @param {File} file */
  async send(file) {
    try {
      const { id } = await upload(file, this);
      this.element.id = `import-${id}`; // as the fragment's, which takes its place part by part
      this.title.id = `import-${id}-title`;
      htmxReads(this.element, `/import/${id}`);
    } catch (error) {
      this.fail(messageOf(error), !(error instanceof Cancelled));
    }
  }

  /**
   * @param {number} sent
   * @param {number} total
   */
  measure(sent, total) {
    [this.bar.max, this.bar.value] = [total || 1, sent];
    this.progress.textContent = `sent ${formatSize(sent)} of ${formatSize(total)}`;
  }

  /**
   * It is over without an import.
   * @param {string} words
   * @param {boolean} isBad
   */
  fail(words, isBad = true) {
    const hasFocus = document.activeElement === this.cancel;
    for (const part of [this.bar, this.progress, this.cancel]) part.remove();
    const line = made("p", words);
    if (isBad) Object.assign(line, { className: "failed", role: "alert" });
    this.result.replaceChildren(line);
    if (hasFocus) input.focus();
  }
}

class Cancelled extends Error {}

/**
 * Send a file. XMLHttpRequest, because fetch does not report how much was sent.
 * @param {File} file
 * @param {Upload} entry
 * @returns {Promise<ImportView>}
 */
function upload(file, entry) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${IMPORTS}?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    request.upload.addEventListener("progress", ({ loaded, total }) =>
      entry.measure(loaded, total),
    );
    request.addEventListener("load", () => {
      if (request.status === 202) resolve(request.response);
      else reject(new Error(request.response?.detail ?? `the server answered ${request.status}`));
    });
    request.addEventListener("error", () => reject(new Error("The server does not answer.")));
    request.addEventListener("abort", () => reject(new Cancelled(CANCELLED)));
    entry.cancel.addEventListener("click", () => request.abort());
    request.send(file);
  });
}

/**
 * Let htmx put a fragment in an element's place.
 * @param {HTMLElement} element
 * @param {string} address
 */
function htmxReads(element, address) {
  element.setAttribute("hx-get", address);
  element.setAttribute("hx-trigger", "load, every 300ms"); // an answer that a hidden page did without comes later
  element.setAttribute("hx-swap", "outerMorph");
  htmx.process(element);
}

/** An import that is over has no button to cancel it: who was on that goes on to what came of it. */
function keepFocus() {
  let id = "";
  document.addEventListener("htmx:before:swap", () => {
    const { activeElement } = document;
    id = (activeElement?.matches(".cancel") && activeElement.closest("li")?.id) || "";
  });
  watchFragments(() => {
    if (document.activeElement !== document.body || id === "") return;
    /** @type {HTMLElement | null | undefined} */
    const next = document.getElementById(id)?.querySelector(".cancel, .result a");
    (next ?? input).focus();
  });
}
