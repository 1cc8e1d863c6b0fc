"""Checksums over the rows of a recording that is finished: no row of it changes any more.

A VM's row holds those of its memslots and guest_memfds and one of itself; the recording's holds
that of its losses and one of itself, its host's name, the rows of its VMs and, if it has any, its
chapters. So a row that is missing shows as well as one that differs. NULL: not finished, or by a
gmemscope that kept none. What a person may still change (notes, and how often they did) is left
out.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from app.store.checksums import RowsDamagedError, of_values

VMS, RECORDINGS = "vm", "recording"
MEMSLOTS, GUEST_MEMFDS, LOSSES = "memslot", "guest_memfd", "loss"
"""Tables."""

_OWNER = {MEMSLOTS: VMS, GUEST_MEMFDS: VMS, LOSSES: RECORDINGS}
_PLURALS = {MEMSLOTS: "memslots", GUEST_MEMFDS: "guest_memfds", LOSSES: "losses"}
_SUMMED = {
    MEMSLOTS: "id, as_id, slot, base_gfn, npages, flags, backing, backing_certainty, "
    "userspace_addr, guest_memfd, guest_memfd_offset, from_t, to_t",
    GUEST_MEMFDS: "id, fd, size, flags, created_t, dev, ino",
    LOSSES: "id, from_t, to_t, count, cpu, source",
    VMS: "id, uuid, recording_id, name, pid, process_start_ns, guest_uuid, vm_fd, vm_type, "
    "kvm_pointer, created_t, created_certainty, ended_t, ended_is_inferred, start_state, "
    "is_unattributed, revision, last_t, events, events_by_kind, requested, applied, failed, "
    "unconfirmed, effective_pages, pages_t, private_pages, shared_pages, unknown_pages, "
    "mixed_blocks, lost_events, layout_is_known, edition, memslot_checksum, guest_memfd_checksum, "
    "may_be_several, to_unknown, uncertain",
    RECORDINGS: "id, uuid, host_id, name, source, origin, origin_sha256, clock, clock_start_ns, "
    "wall_start_ns, kernel_release, coverage, state, incomplete_reason, writer_pid, is_live, "
    "last_t, complete_t, lost_events, losses, loss_checksum",
}
_OF_CHAPTERS = (
    "id, from_t, to_t, boot_id, clock_start_ns, wall_start_ns, kernel_release, source, ended"
)
"""In this order. A migration that adds a column here sets to NULL what was taken without it."""


def seal(connection: Connection, recording_id: int) -> None:
    """Keep the checksums of what a recording holds now; in the transaction that finishes it."""
    for vm_id in vm_ids(connection, recording_id):
        for table in (MEMSLOTS, GUEST_MEMFDS):
            _keep(connection, VMS, vm_id, f"{table}_checksum", of_rows(connection, table, vm_id))
        _keep(connection, VMS, vm_id, "row_checksum", of_vm(connection, vm_id))
    losses = of_rows(connection, LOSSES, recording_id)
    _keep(connection, RECORDINGS, recording_id, "loss_checksum", losses)
    whole = of_recording(connection, recording_id)
    _keep(connection, RECORDINGS, recording_id, "row_checksum", whole)


def kept_as_changed(connection: Connection, vm_id: int) -> None:
    """Let readers read a VM's segments anew. Checksums that were right before are so after it."""
    query = "SELECT recording_id FROM vm WHERE id = :id"
    ((recording_id,),) = _fetch(connection, query, vm_id)
    checks = SealChecks()
    is_right = checks.is_sound(connection, VMS, vm_id) and checks.is_sound(
        connection, RECORDINGS, recording_id
    )
    connection.execute(text("UPDATE vm SET revision = revision + 1 WHERE id = :id"), {"id": vm_id})
    if is_right and kept_checksum(connection, VMS, vm_id) is not None:
        _keep(connection, VMS, vm_id, "row_checksum", of_vm(connection, vm_id))
        whole = of_recording(connection, recording_id)
        _keep(connection, RECORDINGS, recording_id, "row_checksum", whole)


class SealChecks:
    """Which sealed rows were found to be what was stored: they are looked at once."""

    def __init__(self) -> None:
        self._sound: set[tuple[str, int]] = set()

    def is_sound(self, connection: Connection, table: str, key: int) -> bool:
        """As far as can be checked: of the memslots or guest_memfds of a VM, of the losses of a
        recording, or of one VM or recording itself with its host's name and which VMs it has."""
        if (table, key) in self._sound:
            return True
        kept = kept_checksum(connection, table, key)
        if kept is None:
            return True
        if kept != checksum_now(connection, table, key):
            return False
        self._sound.add((table, key))
        return True

    def require(self, connection: Connection, table: str, key: int) -> None:
        """Raises RowsDamagedError."""
        if not self.is_sound(connection, table, key):
            raise RowsDamagedError(what(table, key))


def what(table: str, key: int) -> str:
    """The rows of a table, in words."""
    owner = _OWNER.get(table)
    if owner is None:
        return f"the row of {'VM' if table == VMS else table} {key}"
    return f"the {_PLURALS[table]} of {'VM' if owner == VMS else owner} {key}"


def kept_checksum(connection: Connection, table: str, key: int) -> int | None:
    owner = _OWNER.get(table)
    column = "row_checksum" if owner is None else f"{table}_checksum"
    query = text(f"SELECT {column} FROM {owner or table} WHERE id = :id")
    kept: int | None = connection.execute(query, {"id": key}).scalar_one_or_none()
    return kept


def checksum_now(connection: Connection, table: str, key: int) -> int:
    if table == RECORDINGS:
        return of_recording(connection, key)
    return of_vm(connection, key) if table == VMS else of_rows(connection, table, key)


def of_rows(connection: Connection, table: str, owner_id: int) -> int:
    owner = f"{_OWNER[table]}_id"
    return of_values(_rows(connection, table, f"{owner} = :id ORDER BY id", owner_id))


def of_vm(connection: Connection, vm_id: int) -> int:
    return of_values(_rows(connection, VMS, "id = :id", vm_id))


def of_recording(connection: Connection, recording_id: int) -> int:
    rows = _rows(connection, RECORDINGS, "id = :id", recording_id)
    host = "SELECT name FROM host WHERE id = (SELECT host_id FROM recording WHERE id = :id)"
    vms = "SELECT id, row_checksum FROM vm WHERE recording_id = :id ORDER BY id"
    others = [_fetch(connection, query, recording_id) for query in (host, vms)]
    chapters = f"SELECT {_OF_CHAPTERS} FROM chapter WHERE recording_id = :id ORDER BY id"
    found = _fetch(connection, chapters, recording_id)
    # Where there are none, the sum is as it was before there were any anywhere.
    return of_values(rows, *others, *([found] if found else []))


def unseal(connection: Connection, recording_id: int, goes_on: Sequence[int]) -> None:
    """A recording is gone on with: what will change of it, and of those VMs, has no checksum."""
    for vm_id in goes_on:
        for table in (MEMSLOTS, GUEST_MEMFDS):
            _keep(connection, VMS, vm_id, f"{table}_checksum", None)
        _keep(connection, VMS, vm_id, "row_checksum", None)
    _keep(connection, RECORDINGS, recording_id, "loss_checksum", None)
    _keep(connection, RECORDINGS, recording_id, "row_checksum", None)


def vm_ids(connection: Connection, recording_id: int) -> list[int]:
    query = "SELECT id FROM vm WHERE recording_id = :id ORDER BY id"
    return [int(row[0]) for row in _fetch(connection, query, recording_id)]


def _rows(connection: Connection, table: str, where: str, key: int) -> list[tuple[Any, ...]]:
    """As they are stored, not as what they mean: texts, integers and None."""
    return _fetch(connection, f"SELECT {_SUMMED[table]} FROM {table} WHERE {where}", key)


def _fetch(connection: Connection, query: str, key: int) -> list[tuple[Any, ...]]:
    found: Sequence[Any] = connection.execute(text(query), {"id": key}).all()
    return [tuple(row) for row in found]


def _keep(connection: Connection, table: str, key: int, column: str, checksum: int | None) -> None:
    statement = text(f"UPDATE {table} SET {column} = :checksum WHERE id = :id")
    connection.execute(statement, {"id": key, "checksum": checksum})
