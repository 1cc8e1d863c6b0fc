"""Checksums of what is stored: damage is found when it is read, never shown as data.

A row's is of its values, a blob's goes on from its row's: a blob beside the wrong row is damage.
CRC-32 finds every flip of up to three bits in a blob of any size here, and costs next to nothing.
NULL: written by a gmemscope that kept none; nothing can be checked then.
"""

from zlib import crc32

from app.store.errors import StoreError

SEGMENT, KEYFRAME, CELLS, TIMELINE = "segment", "keyframe", "cells", "timeline"
"""The parts of a segment that can be damaged apart from each other."""
EXPIRED = "expired"
"""No damage: what retention took of a segment (app.store.retention)."""
COARSE = "coarse summary"
PARTITION = "partition"
"""Of many segments. They are no part of one: in its place stands their own row id, that of the
partitioning for its partitions."""


class DamagedError(StoreError):
    """Asking again does not help."""


class PartDamagedError(DamagedError):
    """What was read of a segment is not what was stored."""

    def __init__(self, vm_id: int, segment_id: int, part: str) -> None:
        super().__init__(
            f"the database is damaged: {part} of segment {segment_id} of VM {vm_id}; "
            "`gmemscope check` lists all damage"
        )
        self.vm_id = vm_id
        self.segment_id = segment_id
        self.part = part


class RowsDamagedError(DamagedError):
    """Rows are not what was stored: there is nothing to show in their place."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the database is damaged: {what}; `gmemscope check` lists all damage")


def of_values(*values: object) -> int:
    """Of integers, texts and None, as they are stored."""
    return crc32(repr(values).encode())


def of_blob(blob: bytes, row_checksum: int) -> int:
    return crc32(blob, row_checksum)


def is_sound(blob: bytes, row_checksum: int | None, checksum: int | None) -> bool:
    """Whether a blob is what was stored, as far as can be checked."""
    if row_checksum is None or checksum is None:
        return row_checksum is checksum  # both or none were kept
    return isinstance(blob, bytes) and of_blob(blob, row_checksum) == checksum
