/** Asking the server: JSON or bytes, stale questions aborted, errors in the server's own words. */

export class ServerGone extends Error {}

export class Refused extends Error {
  constructor(problem, status) {
    super(problem.detail ?? problem.title ?? `The server answered ${status}.`);
    this.status = status;
  }
}

/** Address of a resource with those parameters that have a value, or several. */
export function address(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value].flat()) {
      if (one !== null && one !== undefined && one !== "") query.append(name, one);
    }
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

export async function fetchJson(url, signal) {
  const response = await ask(url, signal, "application/json");
  return response.json();
}

/** All items of a resource that comes in pages. */
export async function fetchAll(path, signal) {
  const items = [];
  let after = null;
  do {
    const page = await fetchJson(address(path, { after }), signal);
    items.push(...page.items);
    after = page.next;
  } while (after !== null);
  return items;
}

/** A picture, and the tag that names what it shows. */
export async function fetchImage(url, signal) {
  const response = await ask(url, signal, "image/png");
  const bitmap = await createImageBitmap(await response.blob());
  return { bitmap, tag: response.headers.get("etag") };
}

/** Ask for a change. Whatever is refused, be it for now, says why in the server's own words. */
export async function send(method, url, body) {
  const content = body === undefined ? {} : { body: JSON.stringify(body) };
  const headers = { accept: "application/json", "content-type": "application/json" };
  const response = await reach(url, { method, headers, ...content });
  if (response.ok) return;
  const problem = await response.json().catch(() => null);
  if (problem === null) throw new ServerGone("The server is not ready.");
  throw new Refused(
    { ...problem, detail: sentence(problem.detail ?? problem.title) },
    response.status,
  );
}

const sentence = (words) => `${words[0].toUpperCase()}${words.slice(1)}.`;

async function ask(url, signal, accept) {
  const response = await reach(url, { signal, headers: { accept } });
  if (response.ok) return response;
  if (response.status === 401) window.location.reload(); // the session ended: the form leads back here
  if ([502, 503, 504].includes(response.status)) throw new ServerGone("The server is not ready.");
  const problem = await response.json().catch(() => ({}));
  throw new Refused(problem, response.status);
}

async function reach(url, options) {
  try {
    return await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerGone("The server does not answer.");
  }
}

/**
 * Run only the newest of several questions: each call aborts the one before.
 * Resolves to undefined when a newer one took its place.
 */
export class Latest {
  #controller = new AbortController();

  async run(question) {
    this.#controller.abort();
    const controller = new AbortController();
    this.#controller = controller;
    try {
      const answer = await question(controller.signal);
      return controller.signal.aborted ? undefined : answer;
    } catch (error) {
      if (controller.signal.aborted) return undefined;
      throw error;
    }
  }
}
