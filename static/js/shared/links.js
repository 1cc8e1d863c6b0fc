/** Addresses of pages that other pages lead to. */

import { PAGE_SIZE, toHex } from "./gpa.js";
import { address } from "./rest.js";

/**
 * The page with every event of so many pages from an address on, in all times or in a window.
 * @param {number} vmId
 * @param {number} gpa
 * @param {number} npages
 * @param {{from?: number, to?: number}} [times]
 */
export function historyUrl(vmId, gpa, npages, times = {}) {
  const several = npages > 1 ? { gpa_to: toHex(gpa + npages * PAGE_SIZE) } : {};
  return address(`/vms/${vmId}/pages/${toHex(gpa)}`, { ...several, ...times });
}
