import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";

import { VmResource } from "../../static/js/shared/resources.js";
import {
  Latest,
  Refused,
  ServerGone,
  address,
  fetchJson,
  send,
} from "../../static/js/shared/rest.js";

afterEach(() => mock.restoreAll());

/**
 * Answer the next questions, and return where they went.
 * @param {{status?: number, body: unknown}[]} answers
 */
const answerWith = (...answers) => {
  /** @type {string[]} */
  const urls = [];
  mock.method(globalThis, "fetch", async (/** @type {string} */ url) => {
    urls.push(url);
    const { status = 200, body } = answers[urls.length - 1];
    return new Response(typeof body === "string" ? body : JSON.stringify(body), { status });
  });
  return urls;
};

test("an address has only parameters with a value, of a list each", () => {
  const parameters = { from: 0, to: null, gpa: undefined, text: "", kind: ["a", "b c"] };
  assert.equal(address("/x", parameters), "/x?from=0&kind=a&kind=b+c");
  assert.equal(address("/x"), "/x");
});

test("a refusal carries the server's own words", async () => {
  answerWith({ status: 422, body: { detail: "from is after to" } });
  await assert.rejects(fetchJson("/x"), (/** @type {unknown} */ error) => {
    assert.ok(error instanceof Refused);
    assert.deepEqual([error.message, error.status], ["from is after to", 422]);
    return true;
  });
});

test("a proxy that answers for the server is a server that is gone", async () => {
  answerWith({ status: 502, body: "<html>" }, { status: 500, body: "<html>" });
  await assert.rejects(fetchJson("/x"), ServerGone);
  await assert.rejects(send("POST", "/x", {}), ServerGone);
});

test("a server that cannot be reached is gone, an aborted question is not", async () => {
  mock.method(globalThis, "fetch", async () => {
    throw new TypeError("connection refused");
  });
  await assert.rejects(fetchJson("/x"), ServerGone);
  mock.restoreAll();
  const controller = new AbortController();
  controller.abort();
  await assert.rejects(fetchJson("http://127.0.0.1:1/", controller.signal), {
    name: "AbortError",
  });
});

test("all pages of a resource are read, each after the one before", async () => {
  const urls = answerWith(
    { body: { items: [1, 2], next: "after two" } },
    { body: { items: [3], next: null } },
  );
  assert.deepEqual(await new VmResource(7).all("notes"), [1, 2, 3]);
  assert.deepEqual(urls, ["/api/v1/vms/7/notes", "/api/v1/vms/7/notes?after=after+two"]);
});

test("of several questions only the newest is answered", async () => {
  const latest = new Latest();
  /** @type {(answer: string) => void} */
  let release = () => {};
  const first = latest.run(() => new Promise((resolve) => (release = resolve)));
  const second = latest.run(() => "newer");
  release("older");
  assert.deepEqual(await Promise.all([first, second]), [undefined, "newer"]);
});

test("a question that fails after a newer one came fails in silence", async () => {
  const latest = new Latest();
  /** @type {(error: Error) => void} */
  let fail = () => {};
  const first = latest.run(() => new Promise((_, reject) => (fail = reject)));
  const second = latest.run(() => "newer");
  fail(new Error("too late"));
  assert.deepEqual(await Promise.all([first, second]), [undefined, "newer"]);
});
