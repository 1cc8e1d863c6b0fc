/** Memslots in time. */

/**
 * Whether a memslot is there at an instant: from the call that set it to the one that deleted it.
 * @param {{from: number, to: number | null}} slot
 * @param {number} t
 */
export const isAlive = ({ from, to }, t) => from <= t && (to === null || to > t);
