import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { NewsSource } from "../../static/js/news/news_source.js";

/**
 * What a browser's EventSource does, as far as it is used.
 * @typedef {import("../../static/js/news/news_source.js").News} News
 */
class FakeEventSource extends EventTarget {
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSED = 2;
  /** @type {FakeEventSource[]} */
  static made = [];
  readyState = 0;

  /** @param {string} url */
  constructor(url) {
    super();
    this.url = url;
    FakeEventSource.made.push(this);
  }

  /** @param {object} changed */
  send(changed) {
    const data = JSON.stringify(changed);
    this.dispatchEvent(Object.assign(new Event("changed"), { data }));
  }

  open() {
    this.dispatchEvent(new Event("open"));
  }

  /** @param {number} readyState */
  fail(readyState) {
    this.readyState = readyState;
    this.dispatchEvent(new Event("error"));
  }
}

beforeEach(() => {
  FakeEventSource.made = [];
  Object.assign(globalThis, { EventSource: FakeEventSource });
  mock.timers.enable({ apis: ["setTimeout"] });
});
afterEach(() => mock.timers.reset());

const VM = { vm: 1, recording: 1, up_to: 10, revision: 3, notes_revision: 0 };

/** The connection that was made last. */
function newestStream() {
  const stream = FakeEventSource.made.at(-1);
  assert.ok(stream);
  return stream;
}

/**
 * What of a piece of news a change has, and "up" and "down" have not.
 * @param {News} news
 */
const changeOf = (news) => (news.kind === "changed" ? news : null);

function listen() {
  /** @type {News[]} */
  const heard = [];
  const source = new NewsSource((news) => heard.push(news));
  return { heard, source, stream: newestStream };
}

test("news of the same revision mean that only time has passed", () => {
  const { heard, stream } = listen();
  stream().open();
  stream().send(VM);
  stream().send({ ...VM, up_to: 20 });
  stream().send({ ...VM, up_to: 30, revision: 4 });
  assert.deepEqual(
    heard.map((news) => [news.kind, changeOf(news)?.isOnlyTime]),
    [
      ["up", undefined],
      ["changed", false],
      ["changed", true],
      ["changed", false],
    ],
  );
});

test("who comes later gets what it missed: the newest of each VM", () => {
  const { source, stream } = listen();
  assert.deepEqual(source.past, []);
  stream().open();
  stream().send(VM);
  stream().send({ ...VM, up_to: 20 });
  stream().send({ ...VM, vm: 2 });
  assert.deepEqual(
    source.past.map((news) => [news.kind, changeOf(news)?.vm, changeOf(news)?.up_to]),
    [
      ["up", undefined, undefined],
      ["changed", 1, 20],
      ["changed", 2, 10],
    ],
  );
});

test("a connection that was refused is made anew, one that was lost is the browser's to restore", () => {
  const { heard, stream } = listen();
  stream().fail(0);
  mock.timers.tick(5000);
  assert.equal(FakeEventSource.made.length, 1);
  stream().fail(FakeEventSource.CLOSED);
  mock.timers.tick(5000);
  assert.equal(FakeEventSource.made.length, 2);
  stream().open();
  assert.deepEqual(
    heard.map(({ kind }) => kind),
    ["down", "up"],
  );
});
