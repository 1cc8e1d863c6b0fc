import assert from "node:assert/strict";
import { test } from "node:test";

import { isAlive } from "../../static/js/shared/memslots.js";

test("a memslot is there from the call that set it to the one that deleted it", () => {
  const slot = { from: 10, to: 20 };
  assert.deepEqual(
    [9, 10, 19, 20].map((t) => isAlive(slot, t)),
    [false, true, true, false],
  );
  assert.equal(isAlive({ from: 10, to: null }, 1e15), true);
});
