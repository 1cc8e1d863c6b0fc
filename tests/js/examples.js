/** Rows of the server's answers, whole: a test names what it is about. */

/**
 * @typedef {import("../../static/js/shared/rest_types.d.ts").Event} Event
 * @typedef {import("../../static/js/shared/rest_types.d.ts").MemslotView} Memslot
 */

/**
 * @param {Partial<Event>} given
 * @returns {Event}
 */
export const eventOf = (given) => ({
  seq: 0,
  t: 0,
  t_effect: 0,
  clock_ns: "0",
  kind: "conversion",
  gfn: 1,
  npages: 1,
  gpa: "0x1000",
  size: 4096,
  to: null,
  outcome: "applied",
  errno: 0,
  errno_name: null,
  cause: "explicit",
  cause_certainty: "seen",
  range_certainty: "seen",
  tid: 1,
  vcpu: null,
  latency_ns: null,
  effective_pages: 1,
  aux: "0x0",
  ...given,
});

/**
 * @param {Partial<Memslot>} given
 * @returns {Memslot}
 */
export const memslotOf = (given) => ({
  slot: 0,
  as_id: 0,
  base_gfn: 0,
  npages: 1,
  gpa: "0x0",
  size: 4096,
  flags: 0,
  backing: "mixed",
  backing_certainty: "seen",
  can_be_private: true,
  userspace_addr: "0x7000",
  guest_memfd: null,
  guest_memfd_offset: null,
  from: 0,
  to: null,
  ...given,
});
