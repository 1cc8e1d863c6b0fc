/** Host virtual addresses, by the memslots that name them. They may pass 2^53: BigInt. */

/** @typedef {import("../../view/view.js").Memslot} Memslot */

import { formatAddress, toHex } from "../../shared/gpa.js";
import { isAlive } from "../../shared/memslots.js";
import { formatTime } from "../../shared/time.js";

/**
 * @param {Memslot} slot
 * @param {bigint} hva
 */
const has = ({ userspace_addr, size }, hva) =>
  userspace_addr !== null &&
  BigInt(userspace_addr) <= hva &&
  hva < BigInt(userspace_addr) + BigInt(size);

/** @param {Memslot} slot */
const nameOf = ({ slot, as_id }) =>
  `memslot ${slot ?? "?"}${as_id ? ` of address space ${as_id}` : ""}`;

/**
 * Where an hva lies at an instant, slot by slot.
 * @param {string} hva
 * @param {Memslot[]} memslots
 * @param {number} t
 */
export function placesOf(hva, memslots, t) {
  const wanted = BigInt(hva);
  return memslots
    .filter((slot) => isAlive(slot, t) && has(slot, wanted))
    .map((slot) => ({
      slot,
      gpa: Number(slot.gpa) + Number(wanted - BigInt(slot.userspace_addr ?? 0)),
    }));
}

/**
 * Which memslot a jump to an hva went by.
 * @param {string} hva
 * @param {ReturnType<typeof placesOf>} places one or more
 */
export function hvaPlaceText(hva, [{ slot, gpa }, ...others]) {
  const also = others.map((place) => nameOf(place.slot)).join(", ");
  const choice = also ? `; ${also} has it too` : "";
  return `hva ${formatAddress(hva)} is gpa ${formatAddress(gpa)} by ${nameOf(slot)}${choice}`;
}

/**
 * Why an hva lies nowhere at an instant.
 * @param {string} hva
 * @param {Memslot[]} memslots
 * @param {number} t
 */
export function hvaMissingText(hva, memslots, t) {
  const other = memslots.find((slot) => has(slot, BigInt(hva)));
  const untold = memslots.filter((slot) => isAlive(slot, t) && slot.userspace_addr === null).length;
  const parts = [`No memslot has hva ${formatAddress(hva)} at ${formatTime(t)}`];
  if (other) {
    const until = other.to === null ? "on" : `to ${formatTime(other.to)}`;
    parts.push(`${nameOf(other)} has it from ${formatTime(other.from)} ${until}`);
  }
  if (untold) parts.push(`of ${untold} of them the hva is not recorded`);
  return `${parts.join("; ")}.`;
}

/**
 * For what no memslot has as a gpa: how to ask for it as an hva, if one has that.
 * @param {number} gpa
 * @param {Memslot[]} memslots
 * @param {number} t
 */
export function hintOf(gpa, memslots, t) {
  const [place] = placesOf(toHex(gpa), memslots, t);
  return place ? ` As an hva, ${nameOf(place.slot)} has it: write hva:${toHex(gpa)}.` : "";
}
