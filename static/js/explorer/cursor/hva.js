/** Host virtual addresses, by the memslots that name them. They may pass 2^53: BigInt. */

import { formatAddress, toHex } from "../../shared/gpa.js";
import { formatTime } from "../../shared/time.js";

const isAlive = ({ from, to }, t) => from <= t && (to === null || to > t);

const has = ({ userspace_addr, size }, hva) =>
  userspace_addr !== null &&
  BigInt(userspace_addr) <= hva &&
  hva < BigInt(userspace_addr) + BigInt(size);

const nameOf = ({ slot, as_id }) =>
  `memslot ${slot ?? "?"}${as_id ? ` of address space ${as_id}` : ""}`;

/** @returns {{gpa: number, slot: object}[]} where an hva lies at an instant, slot by slot */
export function placesOf(hva, memslots, t) {
  const wanted = BigInt(hva);
  return memslots
    .filter((slot) => isAlive(slot, t) && has(slot, wanted))
    .map((slot) => ({
      slot,
      gpa: Number(slot.gpa) + Number(wanted - BigInt(slot.userspace_addr)),
    }));
}

/** Which memslot a jump to an hva went by. */
export function sayPlace(hva, [{ slot, gpa }, ...others]) {
  const also = others.map((place) => nameOf(place.slot)).join(", ");
  const choice = also ? `; ${also} has it too` : "";
  return `hva ${formatAddress(hva)} is gpa ${formatAddress(gpa)} by ${nameOf(slot)}${choice}`;
}

/** Why an hva lies nowhere at an instant. */
export function sayNowhere(hva, memslots, t) {
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

/** For what no memslot has as a gpa: how to ask for it as an hva, if one has that. */
export function hintOf(gpa, memslots, t) {
  const [place] = placesOf(toHex(gpa), memslots, t);
  return place ? ` As an hva, ${nameOf(place.slot)} has it: write hva:${toHex(gpa)}.` : "";
}
