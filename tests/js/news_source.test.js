import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { NewsSource } from "../../static/js/news/news_source.js";

/** What a browser's EventSource does, as far as it is used. */
class FakeEventSource extends EventTarget {
  static CLOSED = 2;
  static made = [];
  readyState = 0;

  constructor(url) {
    super();
    this.url = url;
    FakeEventSource.made.push(this);
  }

  say(changed) {
    const event = new Event("changed");
    event.data = JSON.stringify(changed);
    this.dispatchEvent(event);
  }

  open() {
    this.dispatchEvent(new Event("open"));
  }

  fail(readyState) {
    this.readyState = readyState;
    this.dispatchEvent(new Event("error"));
  }
}

beforeEach(() => {
  FakeEventSource.made = [];
  globalThis.EventSource = FakeEventSource;
  mock.timers.enable({ apis: ["setTimeout"] });
});
afterEach(() => mock.timers.reset());

const VM = { vm: 1, recording: 1, up_to: 10, revision: 3, notes_revision: 0 };

function listen() {
  const heard = [];
  const source = new NewsSource((news) => heard.push(news));
  return { heard, source, stream: () => FakeEventSource.made.at(-1) };
}

test("news of the same revision say that only time has passed", () => {
  const { heard, stream } = listen();
  stream().open();
  stream().say(VM);
  stream().say({ ...VM, up_to: 20 });
  stream().say({ ...VM, up_to: 30, revision: 4 });
  assert.deepEqual(
    heard.map(({ kind, isOnlyTime }) => [kind, isOnlyTime]),
    [
      ["up", undefined],
      ["changed", false],
      ["changed", true],
      ["changed", false],
    ],
  );
});

test("who comes later is told what it missed: the newest of each VM", () => {
  const { source, stream } = listen();
  assert.deepEqual(source.past, []);
  stream().open();
  stream().say(VM);
  stream().say({ ...VM, up_to: 20 });
  stream().say({ ...VM, vm: 2 });
  assert.deepEqual(
    source.past.map(({ kind, vm, up_to }) => [kind, vm, up_to]),
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
