/** Phase marks: what a guest wrote to ports to mark how far firmware and boot have come. */

const PORT_SHIFT = 32n;
const COUNT_SHIFT = 48n;
const SIZE_SHIFT = 61n;
const PORT_BITS = 16;
const COUNT_BITS = 13;
const VALUE_BITS = 32;
/** On this port firmware prints text, byte by byte. */
const DEBUG_PORT = 0x402;
const FIRST_PRINTABLE = 0x20;
const LAST_PRINTABLE = 0x7e;

/**
 * What `aux` packs (EventKind.PHASE_MARK in app/model/guest/_kinds.py).
 * @typedef {ReturnType<typeof phaseMark>} PhaseMark
 * @param {string} aux
 */
export function phaseMark(aux) {
  const bits = BigInt(aux);
  const part = (/** @type {bigint} */ shift, /** @type {number} */ width) =>
    Number(BigInt.asUintN(width, bits >> shift));
  return {
    port: part(PORT_SHIFT, PORT_BITS),
    value: part(0n, VALUE_BITS),
    count: part(COUNT_SHIFT, COUNT_BITS),
    size: Number(bits >> SIZE_SHIFT),
  };
}

/** @param {number} number */
const hex = (number) => `0x${number.toString(16)}`;

/** @param {PhaseMark} mark */
export function markText({ port, value, count }) {
  const isText = port === DEBUG_PORT && value >= FIRST_PRINTABLE && value <= LAST_PRINTABLE;
  const what = isText ? `"${String.fromCharCode(value)}"` : hex(value);
  return `${what} to port ${hex(port)}${count > 1 ? `, the first of ${count}` : ""}`;
}

/**
 * Marks in a row, in words: text of the debug port together.
 * @param {PhaseMark[]} marks
 */
export function marksText(marks) {
  /** @type {string[]} */
  const words = [];
  let text = "";
  const endText = () => {
    if (text) words.push(JSON.stringify(text));
    text = "";
  };
  for (const mark of marks) {
    if (mark.port === DEBUG_PORT && mark.count === 1) {
      text += String.fromCharCode(mark.value);
    } else {
      endText();
      words.push(markText(mark));
    }
  }
  endText();
  return words.join(", ");
}
