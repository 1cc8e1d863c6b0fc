import assert from "node:assert/strict";
import { test } from "node:test";

import {
  hintOf,
  placesOf,
  hvaMissingText,
  hvaPlaceText,
} from "../../static/js/explorer/cursor/hva.js";
import { parseJump } from "../../static/js/explorer/cursor/jump.js";
import { summarise } from "../../static/js/explorer/cursor/page_history.js";
import { placeText, searchFor } from "../../static/js/explorer/notes/note_place.js";
import { View } from "../../static/js/view/view.js";
import { readUrl } from "../../static/js/view/view_url.js";
import { eventOf, memslotOf } from "./examples.js";

/** @type {[string, ReturnType<typeof parseJump>][]} */
const WRITTEN = [
  ["0x1_8000_0000", { gpa: 0x180000000 }],
  ["gpa:0X180000000", { gpa: 0x180000000 }],
  ["gfn:0x180000", { gpa: 0x180000000 }],
  ["gfn 16", { gpa: 0x10000 }],
  ["hva:0x7F12_0000_0000", { hva: "0x7f1200000000" }],
  ["#4711", { seq: 4711 }],
  ["t+12.345\u2009678 s", { t: 12_345_678_000 }],
  ["t+3", { t: 3_000_000_000 }],
  ["41 µs", { t: 41_000 }],
  ["line 4 711", { t: 4_711_000 }],
  ["12", null],
  ["tomorrow", null],
];

for (const [text, place] of WRITTEN) {
  test(`"${text}" is a place as people write it`, () => assert.deepEqual(parseJump(text), place));
}

/**
 * @param {number} slot
 * @param {number} as_id
 * @param {string} gpa
 * @param {Partial<import("./examples.js").Memslot>} [more]
 */
const slotAt = (slot, as_id, gpa, more) => memslotOf({ slot, as_id, gpa, ...more });

test("of several memslots with an hva the first is taken", () => {
  const slots = [slotAt(0, 0, "0x1000"), slotAt(3, 1, "0x9000")];
  assert.equal(
    hvaPlaceText("0x7010", placesOf("0x7010", slots, 5)),
    "hva 0x0_0000_7010 is gpa 0x0_0000_1010 by memslot 0; memslot 3 of address space 1 has it too",
  );
});

test("an hva beyond 2^53 is found exactly", () => {
  const slot = slotAt(0, 0, "0x1000", { userspace_addr: "0xffff888000000000" });
  assert.equal(placesOf("0xffff888000000fff", [slot], 5)[0].gpa, 0x1fff);
});

test("where an hva lies nowhere, the reason is named", () => {
  const gone = slotAt(2, 0, "0x1000", { from: 7, to: 9 });
  const untold = slotAt(5, 0, "0x5000", { userspace_addr: null });
  const reason = hvaMissingText("0x7010", [gone, untold], 20);
  assert.match(
    reason,
    /^No memslot has hva .*; memslot 2 has it from .*; of 1 of them the hva is not recorded/,
  );
  assert.match(hintOf(0x7010, [slotAt(4, 0, "0x1000")], 5), /memslot 4 has it: write hva:0x7010/);
});

test("since when a state that was read has been", () => {
  const read = { kind: "state_read", to: "shared", t_effect: 7 };
  const items = [eventOf({ kind: "loss_begin", to: null }), eventOf(read)];
  assert.equal(summarise({ items, next: null }, "shared").since?.t_effect, 7);
});

test("a history that does not lead to the state leaves open when it began", () => {
  const items = [eventOf({ kind: "conversion", to: "private", outcome: "applied", t_effect: 3 })];
  assert.equal(summarise({ items, next: null }, "shared").since, null);
  assert.equal(summarise({ items, next: "more" }, "private").since, null);
  assert.equal(summarise({ items, next: null }, "private").since?.t_effect, 3);
});

test("a note's link shows its stretch and its addresses, and lets the cursor go", () => {
  const view = new View();
  view.span = [0, 100];
  readUrl(view, "?t=5&gpa=0x1000&measure=mixed", false);
  const note = { from: 10, to: 20, gpa_from: "0x100000000", gpa_to: "0x100200000" };
  assert.equal(
    searchFor(view, note),
    "?measure=mixed&from=10&to=20&gpa_from=0x100000000&gpa_to=0x100200000",
  );
  assert.match(placeText(note), /, 0x1_0000_0000 to 0x1_0020_0000$/);
});
