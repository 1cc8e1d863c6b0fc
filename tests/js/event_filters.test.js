import assert from "node:assert/strict";
import { test } from "node:test";

import { describeFilters, putFilters, readFilters } from "../../static/js/shared/event_filters.js";

test("what makes no sense is left out of the filters of a URL", () => {
  const query = new URLSearchParams("errno=eagain&tid=x&kind=conversion&kind=nothing&outcome=");
  assert.deepEqual(readFilters(query), { errno: ["eagain"], kind: ["conversion"] });
});

test("filters come back from the query that they were put into", () => {
  const filters = { vcpu: ["3", "unknown"], memslot: ["1:0"], size: ["below_2m"] };
  const query = new URLSearchParams();
  putFilters(query, filters);
  assert.deepEqual(readFilters(query), filters);
});

test("filters are described in words", () => {
  const filters = { direction: ["private"], vcpu: ["3", "5"] };
  assert.equal(describeFilters(filters), "to private, vCPU 3 or vCPU 5");
  assert.equal(describeFilters({}), "");
});
