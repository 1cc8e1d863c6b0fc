import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { ViewReader } from "../../static/js/explorer/view_reader.js";

/** @typedef {ConstructorParameters<typeof ViewReader>} Given */

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  mock.method(performance, "now", () => 1000); // no time passes between two changes
});
afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
});

/** A reader, and how it has asked so far. */
function listen() {
  /** @type {unknown[]} */
  const asked = [];
  const requests = /** @type {Given[0]} */ (
    /** @type {unknown} */ ({ all: async (/** @type {unknown} */ how) => asked.push(how) })
  );
  const page = /** @type {Given[1]} */ (
    /** @type {unknown} */ ({
      root: { setAttribute() {}, dataset: {} },
      stage: { follow() {} },
      status: { showRead() {} },
      addressBar: { show() {} },
    })
  );
  return { asked, reader: new ViewReader(requests, page) };
}

test("a change is asked for at once, those that follow when they pause", () => {
  const { asked, reader } = listen();
  for (let i = 0; i < 3; i += 1) reader.viewChanged();
  assert.equal(asked.length, 1);
  mock.timers.tick(1000);
  assert.equal(asked.length, 2);
});

test("another size is not forgotten by the change that follows it", () => {
  const { asked, reader } = listen();
  reader.viewChanged();
  reader.viewChanged({ isRestyled: true });
  reader.viewChanged();
  mock.timers.tick(1000);
  reader.viewChanged();
  mock.timers.tick(1000);
  assert.deepEqual(asked, [{}, { isRestyled: true }, {}]);
});
