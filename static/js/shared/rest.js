/** Asking the server: JSON or bytes, stale questions aborted, errors in the server's own words. */

/**
 * Values of a query by name; what has none is left out, of a list each is put.
 * @typedef {Record<string, string | number | null | undefined | readonly string[]>} Parameters
 * Why the server does not answer a question.
 * @typedef {{title?: string, detail?: string}} Problem
 */

export class ServerGone extends Error {}

export class Refused extends Error {
  /**
   * @param {Problem} problem
   * @param {number} status
   */
  constructor(problem, status) {
    super(problem.detail ?? problem.title ?? `The server answered ${status}.`);
    this.status = status;
  }
}

/**
 * Address of a resource with those parameters that have a value, or several.
 * @param {string} path
 * @param {Parameters} [parameters]
 */
export function address(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value].flat()) {
      if (one !== null && one !== undefined && one !== "") query.append(name, String(one));
    }
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/**
 * @param {string} url
 * @param {AbortSignal} [signal]
 * @returns {Promise<unknown>} its type is the caller's to know (resources.js)
 */
export async function fetchJson(url, signal) {
  const response = await ask(url, signal, "application/json");
  return response.json();
}

/**
 * A picture, and the tag that names what it shows.
 * @param {string} url
 * @param {AbortSignal} [signal]
 */
export async function fetchImage(url, signal) {
  const response = await ask(url, signal, "image/png");
  const bitmap = await createImageBitmap(await response.blob());
  return { bitmap, tag: response.headers.get("etag") };
}

/**
 * Ask for a change. A refusal, be it for now, carries the server's own words.
 * @param {"POST" | "PATCH" | "DELETE"} method
 * @param {string} url
 * @param {object} [body]
 */
export async function send(method, url, body) {
  const content = body === undefined ? {} : { body: JSON.stringify(body) };
  const headers = { accept: "application/json", "content-type": "application/json" };
  const response = await reach(url, { method, headers, ...content });
  if (response.ok) return;
  const problem = await problemOf(response);
  if (problem === null) throw new ServerGone("The server is not ready.");
  const detail = problem.detail ?? problem.title;
  throw new Refused(detail ? { detail: sentence(detail) } : {}, response.status);
}

/**
 * Why a server refused, in its own words where the body of its answer has any.
 * @param {string} body
 * @param {number} status
 */
export function refusalIn(body, status) {
  try {
    /** @type {Problem} */
    const { detail, title } = JSON.parse(body);
    return sentence(detail ?? title ?? "");
  } catch {
    return `The server answered ${status}.`;
  }
}

/** @param {string} words */
const sentence = (words) => `${words[0].toUpperCase()}${words.slice(1)}.`;

/**
 * @param {Response} response
 * @returns {Promise<Problem | null>} null: something else than the dashboard answered
 */
const problemOf = (response) => response.json().catch(() => null);

/**
 * @param {string} url
 * @param {AbortSignal | undefined} signal
 * @param {string} accept
 */
async function ask(url, signal, accept) {
  const response = await reach(url, { signal, headers: { accept } });
  if (response.ok) return response;
  if (response.status === 401) window.location.reload(); // the session ended: the form leads back here
  if ([502, 503, 504].includes(response.status)) throw new ServerGone("The server is not ready.");
  throw new Refused((await problemOf(response)) ?? {}, response.status);
}

/**
 * @param {string} url
 * @param {RequestInit} options
 */
async function reach(url, options) {
  try {
    return await fetch(url, options);
  } catch (error) {
    if (error instanceof Error && error.name === "AbortError") throw error;
    throw new ServerGone("The server does not answer.");
  }
}

/**
 * Run only the newest of several questions: each call aborts the one before.
 * Resolves to undefined when a newer one took its place.
 */
export class Latest {
  #controller = new AbortController();

  /**
   * @template T
   * @param {(signal: AbortSignal) => T | Promise<T>} question
   * @returns {Promise<T | undefined>}
   */
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

/** @param {unknown} error */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));
