import assert from "node:assert/strict";
import { test } from "node:test";

import { BandAxis, addressTicks, formatAddress, toHex } from "../../static/js/shared/gpa.js";

const layout = () =>
  BandAxis.ofRanges([
    [0x100000, 0x200000],
    [0, 0x10000],
    [0x8000, 0x20000],
  ]);

const raster = () =>
  BandAxis.ofRaster(
    [
      { gpa_from: "0x0", gpa_to: "0x4000", row_from: 0, row_to: 4 },
      { gpa_from: "0x100000", gpa_to: "0x104000", row_from: 4, row_to: 8 },
    ],
    90,
    10,
  );

/** @param {import("../../static/js/shared/gpa.js").Band} band */
const edgesOf = ({ from, to, start, end }) => [from, to, start, end];

test("addresses have groups of four digits", () => {
  const addresses = [0, 0x180000000, 0xfffffffffffff].map(formatAddress);
  assert.deepEqual(addresses, ["0x0_0000_0000", "0x1_8000_0000", "0xf_ffff_ffff_ffff"]);
  assert.equal(formatAddress("0x7f1200000000"), "0x7f12_0000_0000");
  assert.equal(toHex(0xfffffffffffff), "0xfffffffffffff");
});

test("a layout joins ranges and leaves holes out", () => {
  assert.deepEqual(layout().bands.map(edgesOf), [
    [0, 0x20000, 0, 0x20000],
    [0x100000, 0x200000, 0x20000, 0x120000],
  ]);
  assert.equal(layout().positionOf(0x100000), 0x20000);
  assert.equal(layout().positionOf(0x80000), 0x20000, "in the hole");
  assert.equal(layout().addressAt(0x20000), 0x100000);
});

test("a window is whole pages and never empty", () => {
  assert.deepEqual(layout().windowBetween(0x1001, 0x1002), [0x1000, 0x2000]);
  assert.deepEqual(layout().windowBetween(-5, 1e12), [0, 0x200000]);
  assert.deepEqual(layout().windowBetween(0x20000, 0x21000), [0x100000, 0x101000]);
});

test("rows of a raster become pixels with a gap for each hole", () => {
  const axis = raster();
  assert.deepEqual(
    axis.bands.map(({ start, end }) => [start, end]),
    [
      [0, 40],
      [50, 90],
    ],
  );
  assert.equal(axis.addressAt(45), null);
  assert.equal(axis.addressAt(50), 0x100000);
  assert.equal(axis.holes()[0].to, 0x100000);
});

test("every address of a band comes back from its position", () => {
  for (const axis of [layout(), raster()]) {
    for (const band of axis.bands) {
      for (let gpa = band.from; gpa < band.to; gpa += 0x1000) {
        assert.ok(Math.abs((axis.addressAt(axis.positionOf(gpa)) ?? NaN) - gpa) < 1, toHex(gpa));
      }
    }
  }
});

test("ticks stand at both borders of what is drawn, and none too close to another", () => {
  const { values, labels } = addressTicks(raster(), 20);
  assert.ok(labels.includes("0x0_0000_0000"));
  assert.ok(labels.includes("0x0_0010_4000"));
  const sorted = [...values].sort((a, b) => a - b);
  assert.ok(sorted.slice(1).every((value, i) => value - sorted[i] >= 20));
});

test("an axis without bands has no length", () => {
  const axis = new BandAxis([]);
  assert.equal(axis.isEmpty, true);
  assert.equal(axis.length, 0);
  assert.equal(axis.addressAt(0), null);
});
