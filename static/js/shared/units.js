/** Sizes and counts as people read them. Copying is exact: give the exact value as `title` too. */

const THIN_SPACE = "\u2009";
const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
/** From here on, one decimal would read 1024.0. */
const ROUNDS_UP = 1023.95;

/**
 * 434176 -> "434 176", with thin spaces.
 * @param {number} count
 */
export function formatCount(count) {
  return Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, THIN_SPACE);
}

/**
 * 4089446 -> "3.9 MiB": one decimal, except of bytes.
 * @param {number} bytes
 */
export function formatSize(bytes) {
  let unit = 0;
  let size = bytes;
  while (size >= (unit === 0 ? 1024 : ROUNDS_UP) && unit < BINARY.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size.toFixed(unit === 0 ? 0 : 1)} ${BINARY[unit]}`;
}

/**
 * 0.1234 -> "12.3 %". Nearly none and nearly all are never rounded to none and all.
 * @param {number} share
 */
export function formatShare(share) {
  if (share > 0 && share < 0.001) return "< 0.1 %";
  if (share < 1 && share > 0.999) return "> 99.9 %";
  const percent = share * 100;
  return `${percent.toFixed(Number.isInteger(percent) ? 0 : 1)} %`;
}

/**
 * 12345 -> "12.3k", for axis labels where exact counts do not fit.
 * @param {number} perSecond
 */
export function formatRate(perSecond) {
  const rate = Math.abs(perSecond);
  if (rate >= 1e6) return `${trim(rate / 1e6)}M`;
  if (rate >= 1e3) return `${trim(rate / 1e3)}k`;
  return trim(rate);
}

/** @param {number} value */
function trim(value) {
  return String(Number(value.toPrecision(3)));
}

/**
 * Round steps (1, 2, 5 times a power of ten) that cut `span` into at most `count` parts.
 * @param {number} span
 * @param {number} count
 */
export function niceStep(span, count) {
  const raw = span / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  const factor = [1, 2, 5].find((each) => each * power >= raw * (1 - 1e-9)) ?? 10;
  return factor * power;
}
