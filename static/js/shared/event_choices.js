/**
 * What events can be chosen by where there are a few values: each in words, by the name of the
 * parameter and the value. Written by scripts/event-words from app/queries/events/_choices.py.
 * @type {Record<string, Record<string, string>>}
 */
export const CHOICES = {
  kind: {
    conversion: "conversion",
    hypercall: "hypercall",
    memory_fault: "memory fault",
    page_fault: "page fault",
    punch_hole: "punch hole",
    allocate: "fallocate of guest_memfd",
    unmap: "unmap",
    rmp_fault: "rmp fault",
    memslot: "memslot",
    guest_memfd: "guest_memfd created",
    loss_begin: "events lost",
    loss_end: "loss end",
    register_region: "host memory registered for encryption",
    unregister_region: "host memory no longer registered",
    populate: "guest_memfd pages allocated",
    depopulate: "guest_memfd pages freed",
    population: "counted",
    state_read: "state read from the kernel",
    doubt: "perhaps of another VM",
    phase_mark: "phase mark",
  },
  outcome: {
    applied: "applied",
    failed: "failed",
    unconfirmed: "unconfirmed",
  },
  direction: {
    private: "to private",
    shared: "to shared",
    unknown: "direction unknown",
  },
  cause: {
    explicit: "explicit",
    implicit: "implicit",
    vmm: "vmm",
    none: "cause not recorded",
  },
  size: {
    "4k": "4 KiB",
    "2m": "2 MiB",
    below_2m: "less than 2 MiB",
    above_2m: "more than 2 MiB",
    unaligned_2m: "2 MiB, not aligned",
    unknown: "range not recorded",
  },
};
