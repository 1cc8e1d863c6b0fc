/** The REST resources that pages ask for, with the types that the server's OpenAPI gives them. */

import { address, fetchJson } from "./rest.js";

/**
 * @typedef {import("./rest_types.d.ts").Answers} Answers
 * What is below /api/v1/vms/N, by name.
 * @typedef {{
 *   [Path in keyof Answers as Path extends `/api/v1/vms/{vm_id}/${infer Name}` ? Name : never]:
 *     Answers[Path]
 * }} OfVm
 */

/**
 * The items of what comes in pages.
 * @template {keyof OfVm} Name
 * @typedef {OfVm[Name] extends {items: infer Items} ? Items : never} ItemsOf
 */

/** One VM's resources. */
export class VmResource {
  /** @param {number} id */
  constructor(id) {
    this.id = id;
    this.path = `/api/v1/vms/${id}`;
  }

  /**
   * @param {string} name of a resource below the VM
   * @param {import("./rest.js").Parameters} [parameters]
   */
  url(name, parameters) {
    return address(`${this.path}/${name}`, parameters);
  }

  /**
   * @param {AbortSignal} [signal]
   * @returns {Promise<Answers["/api/v1/vms/{vm_id}"]>}
   */
  async read(signal) {
    return /** @type {Answers["/api/v1/vms/{vm_id}"]} */ (await fetchJson(this.path, signal));
  }

  /**
   * @template {keyof OfVm} Name
   * @param {Name} name
   * @param {import("./rest.js").Parameters} [parameters]
   * @param {AbortSignal} [signal]
   * @returns {Promise<OfVm[Name]>}
   */
  async get(name, parameters, signal) {
    return /** @type {OfVm[Name]} */ (await fetchJson(this.url(name, parameters), signal));
  }

  /**
   * All items of a resource that comes in pages.
   * @template {"memslots" | "notes"} Name
   * @param {Name} name
   * @param {AbortSignal} [signal]
   * @returns {Promise<ItemsOf<Name>>}
   */
  async all(name, signal) {
    const items = [];
    let after = null;
    do {
      /** @type {OfVm["memslots" | "notes"]} */
      const page = await this.get(name, { after }, signal);
      items.push(...page.items);
      after = page.next;
    } while (after !== null);
    return /** @type {ItemsOf<Name>} */ (items);
  }
}

/**
 * @param {number} id
 * @param {AbortSignal} [signal]
 * @returns {Promise<Answers["/api/v1/recordings/{recording_id}"]>}
 */
export async function readRecording(id, signal) {
  const answer = await fetchJson(`/api/v1/recordings/${id}`, signal);
  return /** @type {Answers["/api/v1/recordings/{recording_id}"]} */ (answer);
}
