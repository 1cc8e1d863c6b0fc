"""The rows that name what there is: hosts, recordings, VMs, memslots, losses, notes; how far
each VM reaches by now; how much each recording takes.

Rows are read inside the caller's snapshot and checked against their checksums; damaged ones raise
an error that names them. Readers add notes alone, and storms before their events go.
"""

from app.store.catalogue._kept_storms import is_sound_storm, keep_storms
from app.store.catalogue._notes import (
    Pinned,
    Written,
    add_note,
    change_note,
    delete_note,
    note_checksum,
)
from app.store.catalogue._rows import Catalogue, decoding_rows, memslot_of, memslot_rows
from app.store.catalogue._sizes import StoredSize, stored_sizes
from app.store.catalogue._watermarks import Watermark, Writing

__all__ = [
    "Catalogue",
    "Pinned",
    "StoredSize",
    "Watermark",
    "Writing",
    "Written",
    "add_note",
    "change_note",
    "decoding_rows",
    "delete_note",
    "is_sound_storm",
    "keep_storms",
    "memslot_of",
    "memslot_rows",
    "note_checksum",
    "stored_sizes",
]
