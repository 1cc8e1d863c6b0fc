"""Opening a database: where it lies, with whose rights, with which connections; one writer at a
time; what a writer that died left behind; checksums over recordings that are complete;
deletion.
"""

from app.store.database import _opening as opening
from app.store.database._deletion import (
    Freed,
    Pace,
    delete_recording,
    deletion_steps,
    free_bytes,
    give_back_steps,
    immediate,
    mark_deleted,
    paced,
    unfinished_deletions,
)
from app.store.database._location import database_path, place_of
from app.store.database._lock import WriterLock, is_held_by, left_word, lock_path
from app.store.database._opening import (
    data_folder,
    default_database,
    open_database,
    open_or_make,
    snapshot,
)
from app.store.database._place import acting_as, find_place, stay_able_to_act_as
from app.store.database._recovery import end_chapter, recover, what_is_missing, written_by
from app.store.database._seals import (
    GUEST_MEMFDS,
    LOSSES,
    MEMSLOTS,
    RECORDINGS,
    VMS,
    SealChecks,
    kept_as_changed,
    kept_checksum,
    seal,
    unseal,
    vm_ids,
    what,
)

__all__ = [
    "GUEST_MEMFDS",
    "LOSSES",
    "MEMSLOTS",
    "RECORDINGS",
    "VMS",
    "Freed",
    "Pace",
    "SealChecks",
    "WriterLock",
    "acting_as",
    "data_folder",
    "database_path",
    "default_database",
    "delete_recording",
    "deletion_steps",
    "end_chapter",
    "find_place",
    "free_bytes",
    "give_back_steps",
    "immediate",
    "is_held_by",
    "kept_as_changed",
    "kept_checksum",
    "left_word",
    "lock_path",
    "mark_deleted",
    "open_database",
    "open_or_make",
    "opening",
    "paced",
    "place_of",
    "recover",
    "seal",
    "snapshot",
    "stay_able_to_act_as",
    "unfinished_deletions",
    "unseal",
    "vm_ids",
    "what",
    "what_is_missing",
    "written_by",
]
