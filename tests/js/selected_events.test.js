import assert from "node:assert/strict";
import { test } from "node:test";

import { eventsQuestion } from "../../static/js/explorer/events/selected_events.js";
import { View } from "../../static/js/view/view.js";
import { readUrl } from "../../static/js/view/view_url.js";
import { memslotOf } from "./examples.js";

const SIZE = { width: 100, height: 100 };

/**
 * @param {string} search
 * @param {Parameters<typeof eventsQuestion>[2]} [place]
 */
function questionOf(search, place = null) {
  const view = new View();
  view.span = [0, 1000];
  view.setMemslots([memslotOf({ gpa: "0x0", size: 100 * 4096 })]);
  readUrl(view, search, false);
  return eventsQuestion(view, SIZE, place);
}

test("without a cursor, those in view that the filters leave", () => {
  assert.deepEqual(questionOf("?kind=conversion"), {
    filter: { from: 0, to: 1000, kind: ["conversion"] },
    isUnderCursor: false,
    around: null,
  });
});

test("with a cursor, those within four pixels of it", () => {
  const { filter, isUnderCursor } = questionOf("?t=500&gpa=0x32000");
  assert.equal(isUnderCursor, true);
  assert.deepEqual(filter, { from: 460, to: 540, gpa_from: "0x2e000", gpa_to: "0x36000" });
});

test("a cursor that is out of sight chooses nothing", () => {
  const question = questionOf("?from=0&to=100&t=500");
  assert.deepEqual(question.filter, { from: 0, to: 100 });
});

test("a chosen event is asked for with those around it", () => {
  const { filter, around } = questionOf("?t=500&event=7");
  assert.equal(around, 7);
  assert.deepEqual(filter, { from: 0, to: 1000 });
});

test("neither a marker nor the measure is part of the question", () => {
  assert.deepEqual(questionOf("?a=5&b=9&measure=mixed"), questionOf(""));
});
