/**
 * Importing a file: sending it, following its import, cancelling either. One file at a time; what
 * the server says is shown as it says it.
 */

import { formatCount, formatSize } from "./units.js";

const POLL_MS = 300;

const [drop, input, progress, title, bar, said, cancel, result] = [
  "drop", "file", "progress", "name", "bar", "said", "cancel", "result",
].map((id) => document.getElementById(id));

const limit = Number(drop.dataset.limit);
let abandon = null;

input.addEventListener("change", () => input.files.length && take(input.files[0]));
cancel.addEventListener("click", () => abandon?.());
for (const kind of ["dragenter", "dragover"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  const files = event.dataTransfer.files;
  if (files.length > 1) tell("One file at a time, please.", true);
  else if (files.length) take(files[0]);
});

async function take(file) {
  if (abandon !== null) return;
  if (file.size > limit) {
    // Not sent at all: a server that refuses while a browser sends is taken for one that is gone.
    tell(`${file.name} has ${formatSize(file.size)}, the limit here is ${formatSize(limit)}: import it on the server by \`gmemscope import\`.`, true);
    input.value = "";
    return;
  }
  result.hidden = true;
  progress.hidden = false;
  title.textContent = `${file.name}, ${formatSize(file.size)}`;
  const hasFocus = [input, document.body].includes(document.activeElement);
  input.disabled = true;
  if (hasFocus) cancel.focus();
  let isShown = false;
  try {
    const job = await send(file);
    isShown = show(await follow(job.id));
  } catch (problem) {
    tell(problem.message, true);
  }
  abandon = null;
  input.disabled = false;
  input.value = "";
  const isLeft = progress.contains(document.activeElement);
  progress.hidden = true;
  if (isLeft && !isShown) input.focus();
}

/** XMLHttpRequest, because fetch does not tell how much was sent. */
function send(file) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/v1/imports?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      measure(loaded, total, `sent ${formatSize(loaded)} of ${formatSize(total)}`);
    });
    request.addEventListener("load", () => {
      if (request.status === 202) resolve(request.response);
      else reject(new Error(request.response?.detail ?? `the server answered ${request.status}`));
    });
    request.addEventListener("error", () => reject(new Error("The server does not answer.")));
    request.addEventListener("abort", () => reject(new Error("Cancelled: nothing was kept.")));
    abandon = () => request.abort();
    request.send(file);
  });
}

async function follow(id) {
  const path = `/api/v1/imports/${id}`;
  abandon = () => fetch(path, { method: "DELETE" });
  for (;;) {
    const answer = await fetch(path);
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    const job = await answer.json();
    if (job.state !== "running") return job;
    const read = job.bytes_read === null ? "" : `read ${formatSize(job.bytes_read)} of ${formatSize(job.file_bytes)}, `;
    measure(job.bytes_read, job.file_bytes, `${read}${formatCount(job.calls)} calls`);
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
}

function measure(done, total, words) {
  if (done === null) bar.removeAttribute("value");
  else [bar.max, bar.value] = [total || 1, done];
  said.textContent = words;
}

/** Whether there is a recording to go on to. */
function show(job) {
  if (job.summary === null) {
    const isCancelled = job.state === "cancelled";
    tell(isCancelled ? "Cancelled: nothing was kept." : job.problem, !isCancelled);
    return false;
  }
  const { recording, vms, conversions, already_imported: isKnown } = job.summary;
  tell(job.problem ?? (isKnown ? "This file was imported already." : "Imported."), job.problem !== null);
  const list = document.createElement("ul");
  list.append(
    item(`/recordings/${recording}`, `recording ${recording}`, `: ${formatCount(conversions.requested)} conversions`),
    ...vms.map((vm) => item(`/vms/${vm.id}`, vm.name, "")),
  );
  result.append(list);
  result.querySelector("a").focus();
  return true;
}

function item(href, text, more) {
  const link = Object.assign(document.createElement("a"), { href, textContent: text });
  const entry = document.createElement("li");
  entry.append(link, more);
  return entry;
}

function tell(words, isBad) {
  result.hidden = false;
  const line = document.createElement("p");
  line.textContent = words;
  if (isBad) Object.assign(line, { className: "failed", role: "alert" });
  result.replaceChildren(line);
}
