/**
 * Guest physical addresses and the axis they are drawn on. A gfn is below 2^40, so a gpa is below
 * 2^52 and a JavaScript number holds it exactly. Host addresses may not fit: they stay strings.
 */

export const PAGE_SIZE = 4096;

/** @param {string} hex */
export function parseAddress(hex) {
  return Number(BigInt(hex));
}

/** @param {number} address */
export function toHex(address) {
  return `0x${address.toString(16)}`;
}

/**
 * 0x180000000 -> "0x1_8000_0000", at least two groups so that columns line up.
 * @param {string | number} address
 */
export function formatAddress(address) {
  const digits = (
    typeof address === "string" ? address.replace(/^0x/, "") : address.toString(16)
  ).padStart(9, "0");
  return `0x${digits.replace(/\B(?=([0-9a-f]{4})+(?![0-9a-f]))/gi, "_")}`;
}

/** @param {number} gpa */
export const floorPage = (gpa) => Math.floor(gpa / PAGE_SIZE) * PAGE_SIZE;
/** @param {number} gpa */
export const ceilPage = (gpa) => Math.ceil(gpa / PAGE_SIZE) * PAGE_SIZE;

/**
 * Addresses from one to another, at positions from a start to an end.
 * @typedef {{from: number, to: number, start: number, end: number}} Band
 * One of a raster, which also has its rows, counted from the lowest address.
 * @typedef {Band & {rowFrom: number, rowTo: number}} RowBand
 */

/**
 * Ascending address ranges laid end to end with gaps of constant length between them.
 *
 * Used twice: for the whole layout in bytes (gap 0), where zooming and panning are sums, and for
 * the map on screen in pixels, where a gap is the labelled break of a hole.
 * @template {Band} [B=Band]
 */
export class BandAxis {
  /** @param {B[]} bands */
  constructor(bands) {
    this.bands = bands;
  }

  /**
   * Join ranges that touch or overlap; positions count their bytes.
   * @param {[number, number][]} ranges
   */
  static ofRanges(ranges) {
    /** @type {Band[]} */
    const bands = [];
    let position = 0;
    for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
      const last = bands.at(-1);
      if (last && from <= last.to) {
        position += Math.max(0, to - last.to);
        last.to = Math.max(last.to, to);
        last.end = position;
      } else {
        bands.push({ from, to, start: position, end: position + to - from });
        position += to - from;
      }
    }
    return new BandAxis(bands);
  }

  /**
   * Spread the raster's bands (rows counted from the lowest address) over `height` pixels.
   * @param {import("./rest_types.d.ts").BandOut[]} bands
   * @param {number} height
   * @param {number} wantedGap
   * @returns {BandAxis<RowBand>} each band also keeps its rows
   */
  static ofRaster(bands, height, wantedGap) {
    const rows = bands.reduce((sum, band) => sum + band.row_to - band.row_from, 0);
    const gaps = Math.max(0, bands.length - 1);
    const gap = gaps ? Math.min(wantedGap, (0.4 * height) / gaps) : 0;
    const scale = rows ? (height - gaps * gap) / rows : 0;
    let position = 0;
    const placed = bands.map((band) => {
      const start = position;
      const end = start + (band.row_to - band.row_from) * scale;
      position = end + gap;
      return {
        from: parseAddress(band.gpa_from),
        to: parseAddress(band.gpa_to),
        start,
        end,
        rowFrom: band.row_from,
        rowTo: band.row_to,
      };
    });
    return new BandAxis(placed);
  }

  get isEmpty() {
    return this.bands.length === 0;
  }

  /** The highest band: only of an axis that is not empty. */
  get #last() {
    return this.bands[this.bands.length - 1];
  }

  get from() {
    return this.bands[0].from;
  }

  get to() {
    return this.#last.to;
  }

  get length() {
    return this.isEmpty ? 0 : this.#last.end;
  }

  /**
   * Position of an address; inside a hole, the border of the band below it.
   * @param {number} gpa
   */
  positionOf(gpa) {
    const band = this.bands.findLast((each) => each.from <= gpa) ?? this.bands[0];
    const perByte = (band.end - band.start) / (band.to - band.from);
    const isInHoleAbove = gpa > band.to && band !== this.#last;
    return isInHoleAbove ? band.end : band.start + (gpa - band.from) * perByte;
  }

  /**
   * Address at a position, or null inside a gap or beyond the ends.
   * @param {number} position
   */
  addressAt(position) {
    const band = this.bands.find((each) => position >= each.start && position < each.end);
    if (!band) return null;
    const share = (position - band.start) / (band.end - band.start);
    return band.from + share * (band.to - band.from);
  }

  /**
   * The half-open address window between two positions, in whole pages, clamped to the ends.
   * @param {number} low
   * @param {number} high
   * @returns {[number, number]}
   */
  windowBetween(low, high) {
    const first = this.bands.find((each) => low < each.end) ?? this.#last;
    const last = this.bands.findLast((each) => high > each.start) ?? this.bands[0];
    const from = floorPage(clampedAddress(first, low));
    const to = ceilPage(clampedAddress(last, high));
    return [from, Math.max(to, from + PAGE_SIZE)];
  }

  /** Holes between the bands: {from, to, start, end}. */
  holes() {
    return this.bands.slice(1).map((band, i) => ({
      from: this.bands[i].to,
      to: band.from,
      start: this.bands[i].end,
      end: band.start,
    }));
  }
}

/**
 * @param {Band} band
 * @param {number} position
 */
function clampedAddress(band, position) {
  const share = (position - band.start) / (band.end - band.start);
  return band.from + Math.min(1, Math.max(0, share)) * (band.to - band.from);
}

/**
 * Tick positions and labels at round addresses, and at both borders of each band.
 * @param {BandAxis} axis
 * @param {number} pixelsPerLabel
 */
export function addressTicks(axis, pixelsPerLabel) {
  /** @type {number[]} */
  const values = [];
  /** @type {string[]} */
  const labels = [];
  const add = (/** @type {number} */ position, /** @type {number} */ gpa) => {
    if (values.some((value) => Math.abs(value - position) < pixelsPerLabel)) return;
    values.push(position);
    labels.push(formatAddress(gpa));
  };
  for (const band of axis.bands) add(band.start, band.from);
  if (!axis.isEmpty) add(axis.length, axis.to);
  for (const band of axis.bands) {
    const room = Math.floor((band.end - band.start) / pixelsPerLabel);
    const step = roundAddressStep((band.to - band.from) / Math.max(room, 1));
    for (let gpa = Math.ceil(band.from / step) * step; gpa < band.to && room > 0; gpa += step) {
      add(axis.positionOf(gpa), gpa);
    }
  }
  return { values, labels };
}

/**
 * The power of two at or above `bytes`, a page at least.
 * @param {number} bytes
 */
function roundAddressStep(bytes) {
  return Math.max(PAGE_SIZE, 2 ** Math.ceil(Math.log2(Math.max(bytes, 1))));
}
