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
};
