import assert from "node:assert/strict";
import { test } from "node:test";

import {
  causeText,
  changedText,
  kindText,
  lacksRange,
  outcomeText,
  threadText,
} from "../../static/js/shared/event_words.js";
import { marksText, phaseMark } from "../../static/js/shared/phase_marks.js";
import { eventOf } from "./examples.js";

/** @type {[Partial<import("./examples.js").Event>, string][]} */
const WORDS = [
  [{ kind: "memslot", aux: "0x400000007", npages: 512 }, "memslot 7 set"],
  [{ kind: "memslot", aux: "0x2", npages: 0 }, "memslot 2 deleted"],
  [{ kind: "guest_memfd", aux: "0x0" }, "guest_memfd created"],
  [{ kind: "register_region", aux: "0x0" }, "host memory registered for encryption"],
  [{ kind: "populate", aux: "0x0" }, "guest_memfd pages allocated"],
  [
    { kind: "population", aux: "0x10", npages: 512 },
    "counted: 16 of 512 pages of guest_memfd exist",
  ],
  [{ kind: "population", aux: "0x10", npages: null }, "counted: 16 pages of guest_memfd exist"],
  [{ kind: "state_read", to: "private" }, "state read from the kernel: private"],
  [{ kind: "loss_begin", aux: "0x0" }, "events lost: not counted"],
  [{ kind: "expired", aux: "0x400" }, "events no longer kept: 1\u2009024"],
  [{ kind: "memory_fault", to: "shared" }, "memory fault: to shared"],
  [{ kind: "conversion", to: "unknown" }, "conversion, direction unknown"],
  [{ kind: "phase_mark", aux: "0x20010080000000a5" }, "phase mark: 0xa5 to port 0x80"],
  [{ kind: "phase_mark", aux: "0x2001040200000053" }, 'phase mark: "S" to port 0x402'],
  [
    { kind: "phase_mark", aux: "0x3000040200000053" },
    'phase mark: "S" to port 0x402, the first of 4096',
  ],
  [{ kind: "of_a_newer_server", to: null }, "of a newer server"],
];

for (const [event, words] of WORDS) {
  test(`a ${event.kind} is called "${words}"`, () => assert.equal(kindText(eventOf(event)), words));
}

/** @type {[string[], string][]} */
const MARKS = [
  [["0x200104020000000a", "0x2001040200000053", "0x2001040200000065"], '"\\nSe"'],
  [
    ["0x2001008000000001", "0x2001040200000053", "0x800100f400000002"],
    '0x1 to port 0x80, "S", 0x2 to port 0xf4',
  ],
  [[], ""],
];

test("phase marks in a row read as text", () => {
  for (const [row, words] of MARKS) assert.equal(marksText(row.map(phaseMark)), words);
});

test("an unknown range is lacking where the kind always concerns pages", () => {
  assert.equal(lacksRange(eventOf({ kind: "conversion", gpa: null })), true);
  assert.equal(lacksRange(eventOf({ kind: "guest_memfd", gpa: null })), false);
  assert.equal(lacksRange(eventOf({ kind: "conversion", gpa: "0x0" })), false);
});

test("what is not recorded is a dash or in words, never a number", () => {
  assert.equal(threadText(eventOf({ tid: 0 })), "–");
  assert.equal(causeText(eventOf({ cause: null })), "–");
  assert.equal(changedText(eventOf({ kind: "conversion", effective_pages: null })), "not recorded");
  assert.equal(changedText(eventOf({ kind: "page_fault", effective_pages: null })), "–");
});

test("a failure names its errno, an inferred cause is marked", () => {
  assert.equal(
    outcomeText(eventOf({ outcome: "failed", errno: 11, errno_name: "EAGAIN" })),
    "failed EAGAIN",
  );
  assert.equal(
    outcomeText(eventOf({ outcome: "failed", errno: 512, errno_name: null })),
    "failed 512",
  );
  const cause = { cause: "implicit", cause_certainty: "inferred" };
  assert.equal(causeText(eventOf(cause)), "implicit (inferred)");
});
