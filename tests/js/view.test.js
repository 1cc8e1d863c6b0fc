import assert from "node:assert/strict";
import { test } from "node:test";

import { View } from "../../static/js/view/view.js";
import { pinnedSearch, readUrl, searchAt, searchOf } from "../../static/js/view/view_url.js";
import { eventOf, memslotOf } from "./examples.js";

/**
 * @param {string} search
 * @param {{isLive?: boolean, span?: [number, number]}} [recording]
 */
function viewOf(search, { isLive = false, span = [0, 60e9] } = {}) {
  const view = new View();
  view.span = span;
  readUrl(view, search, isLive);
  view.setMemslots([memslotOf({ gpa: "0x0", size: 2 ** 30 })]);
  return view;
}

test("a view comes back from its query string", () => {
  const search =
    "?from=10&to=2000&gpa_from=0x1000&gpa_to=0x5000&t=100&gpa=0x2000&event=7&a=1&b=2" +
    "&measure=mixed&kind=conversion";
  assert.equal(searchOf(viewOf(search)), search);
});

test("a view of everything has no query, and stays whole while the recording grows", () => {
  const view = viewOf("");
  assert.equal(searchOf(view), "");
  assert.equal(view.grow(70e9), true);
  assert.deepEqual(view.time, { from: 0, to: 70e9 });
});

test("nonsense in a URL is left out", () => {
  const view = viewOf("?from=9&to=3&gpa_from=zz&t=-1&measure=none&event=5");
  assert.equal(searchOf(view), "");
  assert.equal(view.event, null, "an event needs the cursor's instant");
});

test("a permalink keeps its window however the recording grows", () => {
  const view = viewOf("", { isLive: true });
  const link = viewOf(pinnedSearch(view), { isLive: true });
  link.grow(90e9);
  assert.deepEqual(link.time, { from: 0, to: 60e9 });
  assert.equal(link.isFollowing, false);
});

test("a link to an event outside of the window of a view that follows takes it in", () => {
  const view = viewOf("?from=50000000000&to=60000000000&live=1", { isLive: true });
  const query = new URLSearchParams(
    searchAt(view, eventOf({ t_effect: 5, gpa: "0x3000", seq: 9 })),
  );
  assert.equal(query.get("from"), "5");
  assert.equal(query.get("live"), null);
  assert.deepEqual([query.get("t"), query.get("event"), query.get("gpa")], ["5", "9", "0x3000"]);
});

test("a window that follows slides to the newest, one that was paused stays", () => {
  const view = viewOf("?from=50&to=60&live=1", { isLive: true, span: [0, 60] });
  assert.deepEqual([view.grow(100), view.time], [true, { from: 90, to: 100 }]);
  view.pause();
  assert.deepEqual([view.grow(200), view.time], [false, { from: 90, to: 100 }]);
});

test("zooming keeps the instant that it zooms around where it is", () => {
  const view = viewOf("?from=10000000000&to=20000000000");
  view.zoomTime(0.5, 12e9);
  assert.deepEqual(view.time, { from: 11e9, to: 16e9 });
});

test("a window never leaves the recording, nor gets shorter than a microsecond", () => {
  const view = viewOf("?from=10000000000&to=20000000000");
  view.panTime(-1e12);
  assert.deepEqual(view.time, { from: 0, to: 10e9 });
  view.showTime(5, 6);
  assert.equal(view.length, 1000);
});

test("an event is chosen only while the cursor stays on it", () => {
  const view = viewOf("");
  view.setCursor(500, null, 42);
  assert.equal(view.event, 42);
  view.moveCursor(501);
  assert.equal(view.event, null);
});

test("the instant shown is the cursor's, else the last with memory", () => {
  const view = viewOf("");
  view.setMemslots([memslotOf({ to: 30e9 })]);
  assert.equal(view.instant, 30e9 - 1);
  assert.equal(view.instantText, "just before the last memslot went");
  view.setCursor(7, null);
  assert.deepEqual([view.instant, view.instantText], [7, "at the cursor"]);
});

test("a change of the cursor on a snapshot leaves the view alone", () => {
  const view = viewOf("?t=5");
  const copy = view.snapshot();
  copy.setMarker("a");
  copy.setCursor(9, null);
  assert.deepEqual([view.t, view.markers.a], [5, null]);
});
