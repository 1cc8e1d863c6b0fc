/**
 * What kinds of events are called and what is known of them: `hasRange`, it always concerns pages,
 * whether the recording names them or not; `changesState`, it may change the state of pages. Written
 * by scripts/event-words from app/model/guest/_event_words.py.
 * @type {Partial<Record<string, {words: string, hasRange?: boolean, changesState?: boolean}>>}
 */
export const EVENT_KINDS = {
  conversion: { words: "conversion", hasRange: true, changesState: true },
  hypercall: { words: "hypercall", hasRange: true },
  memory_fault: { words: "memory fault", hasRange: true },
  page_fault: { words: "page fault", hasRange: true },
  punch_hole: { words: "punch hole" },
  allocate: { words: "fallocate of guest_memfd" },
  unmap: { words: "unmap" },
  rmp_fault: { words: "rmp fault" },
  memslot: { words: "memslot" },
  guest_memfd: { words: "guest_memfd created" },
  loss_begin: { words: "events lost" },
  loss_end: { words: "loss end" },
  register_region: { words: "host memory registered for encryption" },
  unregister_region: { words: "host memory no longer registered" },
  populate: { words: "guest_memfd pages allocated" },
  depopulate: { words: "guest_memfd pages freed" },
  population: { words: "counted" },
  state_read: { words: "state read from the kernel", changesState: true },
  doubt: { words: "perhaps of another VM", hasRange: true, changesState: true },
  phase_mark: { words: "phase mark" },
  expired: { words: "events no longer kept" },
};

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
    expired: "events no longer kept",
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
