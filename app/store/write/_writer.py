"""Writing one recording into the database: the store's side of app.store.protocol."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, Engine, bindparam, insert, update
from sqlmodel import SQLModel, col

from app.model.events import EventArray
from app.model.guest import GuestMemfd, Memslot, VmIdentity
from app.store.database import WriterLock, end_chapter, recover, seal
from app.store.errors import NotWritable, StoreError, explained
from app.store.protocol import Loss, RecordingHeader
from app.store.schema import EDITION, LossRow, RecordingState, Vm
from app.store.write._past import Past
from app.store.write._recording_rows import ASKED, begin_recording, go_on, reason_of
from app.store.write._sealing import due_to_seal
from app.store.write._vm_buffer import SEGMENT_EVENTS
from app.store.write._vm_writer import VmWriter, identity_values, new_vm_writer, rename_vms

MOST_FORGOTTEN_VMS = 64
"""VMs that ended are kept until the next commit, so many at most."""
LIVE_COMMIT_S = 0.2
"""A live recording is committed so often, if `advance` is called that often."""
LIVE_COMMIT_REST = 4
"""Commits of a live recording are at least so many times as far apart as they take: however long
that is, a fifth of the time goes into them at most."""

_RECORDINGS = SQLModel.metadata.tables["recording"]
_UPDATE = update(_RECORDINGS).where(_RECORDINGS.c.id == bindparam("recording"))
"""Built once: a statement costs more to build than to execute, and commits come in a rhythm."""


class RecordingWriter:
    """A RecordingSink that paints page maps and writes segments.

    One writer per database: entering raises WriterBusy if another process (or an unfinished
    writer of this one) holds it. Not for several threads at once. What a commit holds is
    consistent over all VMs: it happens when a segment is full and, with `is_live`, several times a
    second in `advance`.
    """

    recording_id: int

    def __init__(
        self,
        engine: Engine,
        header: RecordingHeader,
        *,
        is_live: bool = False,
        segment_events: int = SEGMENT_EVENTS,
        group_ns: int | None = None,
        past: Past | None = None,
    ) -> None:
        """`group_ns`: what retention takes at once is no longer (app.store.retention). `past`: what
        to go on with; the header's clocks are those at its `from_t` then."""
        self._engine = engine
        # They wait: one that reads first is refused if somebody wrote since (a note, a deletion).
        self._immediate = engine.execution_options(begin="BEGIN IMMEDIATE")
        self._header = header
        self._past = past
        self._is_live = is_live
        self._segment_events = segment_events
        self._group_ns = group_ns
        self._lock = WriterLock(engine)
        self._vms: dict[int, VmWriter] = {}
        self._forgotten: set[int] = set()  # of these; gone with the next commit
        self._late_identities: dict[int, VmIdentity] = {}  # of VMs that are gone
        self._losses: list[Loss] = []
        self._recording_values: dict[str, Any] = {}
        self._lost_events = self._loss_count = 0
        self._last_t = self._complete_t = self._visible_t = 0
        self._fresh_events = 0  # since the last commit
        self._commit_due = time.monotonic() + LIVE_COMMIT_S
        self._incomplete_reason: str | None = None
        self._ended = ASKED
        self._is_torn = False  # a commit failed: part of what it held is forgotten

    def add_vm(self, identity: VmIdentity) -> int:
        with self._transaction() as connection:
            vm_id = connection.execute(
                insert(Vm)
                .values(
                    recording_id=self.recording_id,
                    start_state=identity.start_state,
                    edition=EDITION,
                    **identity_values(identity),
                )
                .returning(col(Vm.id))
            ).scalar_one()
        self._vms[vm_id] = new_vm_writer(vm_id, identity, self._segment_events, self._group_ns)
        return vm_id

    def update_vm(self, vm_id: int, identity: VmIdentity) -> None:
        if vm_id in self._vms:
            self._vms[vm_id].update(identity)
        else:
            self._late_identities[vm_id] = identity

    def end_vm(self, vm_id: int, t: int, *, is_inferred: bool) -> None:
        self._vms[vm_id].end(t, is_inferred=is_inferred)

    def forget_vm(self, vm_id: int) -> None:
        self._forgotten.add(vm_id)
        if len(self._forgotten) >= MOST_FORGOTTEN_VMS:
            self._commit()

    def add_guest_memfd(self, vm_id: int, guest_memfd: GuestMemfd) -> None:
        self._vms[vm_id].add_guest_memfd(guest_memfd)

    def set_memslot(self, vm_id: int, memslot: Memslot) -> None:
        vm = self._vms[vm_id]
        vm.set_memslot(memslot)
        self._commit_if_full(vm)

    def delete_memslot(self, vm_id: int, as_id: int, slot: int, t: int) -> None:
        vm = self._vms[vm_id]
        vm.delete_memslot(as_id, slot, t)
        self._commit_if_full(vm)

    def append(self, vm_id: int, events: EventArray) -> None:
        """Raises ValueError if an effect time lies before what the VM was already given."""
        vm = self._vms[vm_id]
        while len(events):
            rest = vm.append(events)
            self._fresh_events += len(events) - len(rest)
            events = rest
            self._commit_if_full(vm)

    def add_loss(self, loss: Loss) -> None:
        self._losses.append(loss)
        self._loss_count += 1
        self._lost_events += loss.count or 0
        self._last_t = max(self._last_t, loss.to_t)

    @property
    def visible_t(self) -> int:
        return self._visible_t

    def update_coverage(self, coverage: dict[str, Any]) -> None:
        self._recording_values["coverage"] = coverage

    def mark_incomplete(self, reason: str) -> None:
        self._incomplete_reason = reason

    def advance(self, t: int) -> None:
        self._complete_t = max(self._complete_t, t)
        if self._is_live and time.monotonic() >= self._commit_due:
            self._commit()

    def __enter__(self) -> Self:
        self._lock.__enter__()
        try:
            recover(self._engine, self._lock)
            self._begin()
        except BaseException:
            self._lock.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._finish(error)
        except StoreError as failure:
            # Whoever opens the database next marks the recording incomplete; the first error,
            # if there is one, explains more than this consequence of it.
            self._lock.leave_word(self._incomplete_reason or reason_of(error or failure))
            if error is None:
                raise
        finally:
            self._lock.__exit__(None, None, None)

    def _begin(self) -> None:
        with self._transaction() as connection:
            if self._past is not None:
                self._take_up(connection, self._past)
            else:
                self.recording_id = begin_recording(connection, self._header, is_live=self._is_live)

    def _take_up(self, connection: Connection, past: Past) -> None:
        self.recording_id = past.stored.recording_id
        go_on(connection, past.stored, self._header)
        self._vms = dict(past.vms)
        for vm in self._vms.values():
            vm.take_up(connection, self._segment_events, self._group_ns)
        self._loss_count, self._lost_events = past.losses, past.lost_events
        self._last_t = past.stored.last_t
        self._complete_t = self._visible_t = past.stored.complete_t

    def _finish(self, error: BaseException | None) -> None:
        reason = self._incomplete_reason if error is None else reason_of(error)
        self._ended = reason or ASKED
        self._recording_values |= {
            "state": RecordingState.COMPLETE if reason is None else RecordingState.INCOMPLETE,
            "incomplete_reason": reason,
            "writer_pid": None,
        }
        if self._is_torn or isinstance(error, MemoryError):  # which may come anywhere
            # What came after would follow a hole: what the last commit holds is whole.
            self._store_end()
        else:
            self._commit(finish=True)

    def _store_end(self) -> None:
        """A full disk may have room for the reason, though for nothing else."""
        try:
            with self._transaction() as connection:
                self._update(connection, self._recording_values)
                self._seal(connection, self._visible_t)
        except NotWritable:
            with self._transaction() as connection:
                self._update(connection, self._recording_values)

    def _seal(self, connection: Connection, t: int) -> None:
        """All that was recorded up to `t` is stored."""
        end_chapter(connection, self.recording_id, t, self._ended)
        seal(connection, self.recording_id)

    def _commit_if_full(self, vm: VmWriter) -> None:
        """`vm` was given something: all others were looked at when they were."""
        if vm.buffer.is_full or self._fresh_events >= 2 * self._segment_events:
            self._commit()

    def _commit(self, *, finish: bool = False) -> None:
        """Make everything given so far visible to readers, in one transaction."""
        began = time.monotonic()
        sizes = self._complete_t, self._segment_events, self._group_ns
        due = due_to_seal(self._vms, *sizes) | self._forgotten
        sealed = set(self._vms) if finish else due
        self._is_torn = True
        with self._transaction() as connection:
            for vm_id, vm in self._vms.items():
                if vm.has_news or vm_id in sealed:
                    is_last = finish or vm_id in self._forgotten
                    vm.write(connection, seal=vm_id in sealed, is_last=is_last)
            rename_vms(connection, self._late_identities)
            self._write_losses(connection)
            self._write_recording(connection, finish=finish)
            if finish:
                self._seal(connection, self._last_t)
        self._is_torn = False
        self._visible_t = self._complete_t
        for vm_id in self._forgotten:
            del self._vms[vm_id]
        self._forgotten, self._late_identities = set(), {}
        self._fresh_events = 0
        ended = time.monotonic()
        self._commit_due = ended + max(LIVE_COMMIT_S, LIVE_COMMIT_REST * (ended - began))

    def _write_losses(self, connection: Connection) -> None:
        if self._losses:
            rows = [{"recording_id": self.recording_id, **asdict(loss)} for loss in self._losses]
            connection.execute(insert(LossRow), rows)
            self._losses = []

    def _write_recording(self, connection: Connection, *, finish: bool) -> None:
        latest = max((vm.last_t for vm in self._vms.values()), default=0)
        self._last_t = max(self._last_t, latest, self._complete_t)
        sums = {
            "last_t": self._last_t,
            "complete_t": self._last_t if finish else self._complete_t,
            "losses": self._loss_count,
            "lost_events": self._lost_events,
        }
        self._update(connection, self._recording_values | sums)
        self._recording_values = {}

    def _update(self, connection: Connection, values: dict[str, Any]) -> None:
        connection.execute(_UPDATE, values | {"recording": self.recording_id})

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with explained(str(self._engine.url.database)), self._immediate.begin() as connection:
            yield connection
        self._lock.mark()
