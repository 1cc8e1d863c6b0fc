"""The rows of what there is: hosts, recordings, VMs, memslots, losses, notes and so on."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlmodel import Session, col, func, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from app.model.guest import Backing, GuestMemfd, Memslot, require_pages
from app.store.catalogue._kept_storms import kept_storms
from app.store.catalogue._notes import note_checksum
from app.store.catalogue._watermarks import Watermark, Writing, read_watermarks, writing
from app.store.checksums import RowsDamagedError
from app.store.database import (
    GUEST_MEMFDS,
    LOSSES,
    MEMSLOTS,
    RECORDINGS,
    VMS,
    SealChecks,
    vm_ids,
    what,
)
from app.store.errors import NotFound, explained
from app.store.protocol import Loss
from app.store.schema import (
    Chapter,
    GuestMemfdRow,
    Host,
    KeptStorm,
    LossRow,
    MemslotRow,
    Note,
    Recording,
    RecordingState,
    Segment,
    Vm,
)


class Catalogue:
    """Answers are detached rows or frozen facts; asking again sees what was committed since."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._checks = SealChecks()

    @property
    def engine(self) -> Engine:
        """The database, for another reader of it."""
        return self._engine

    def hosts(self) -> list[Host]:
        """By name."""
        with self._session() as session:
            return list(session.exec(select(Host).order_by(col(Host.name))))

    def recordings(self) -> list[Recording]:
        """Oldest first; those being deleted are gone already."""
        query = select(Recording).where(col(Recording.state) != RecordingState.DELETING)
        with self._session() as session:
            return list(session.exec(query.order_by(col(Recording.id))))

    def recording(self, recording_id: int) -> Recording:
        """Raises NotFound."""
        with self._session() as session:
            found = session.get(Recording, recording_id)
        if found is None or found.state == RecordingState.DELETING:
            raise NotFound(f"there is no recording {recording_id}")
        return found

    def vms(
        self, recording_id: int | None = None, *, include_unattributed: bool = False
    ) -> list[Vm]:
        """In the order in which they became known; of all recordings if none is named.

        A recording's unattributed VM holds the events that belong to no VM that is known.
        """
        query = (
            select(Vm)
            .join(Recording, col(Recording.id) == col(Vm.recording_id))
            .where(col(Recording.state) != RecordingState.DELETING)
        )
        if recording_id is not None:
            query = query.where(col(Vm.recording_id) == recording_id)
        if not include_unattributed:
            query = query.where(col(Vm.is_unattributed).is_(False))
        with self._session() as session:
            return list(session.exec(query.order_by(col(Vm.id))))

    def vm(self, vm_id: int) -> Vm:
        """Raises NotFound."""
        query = (
            select(Vm)
            .join(Recording, col(Recording.id) == col(Vm.recording_id))
            .where(col(Vm.id) == vm_id, col(Recording.state) != RecordingState.DELETING)
        )
        with self._session() as session:
            found = session.exec(query).one_or_none()
            if found is None:
                raise NotFound(f"there is no VM {vm_id}")
            self._checks.require(session.connection(), VMS, vm_id)
        return found

    def span(self, vm_id: int) -> tuple[int, int]:
        """First and last instant about which something is stored of a VM."""
        vm = self.vm(vm_id)
        end = self.recording(vm.recording_id).last_t if vm.ended_t is None else vm.ended_t
        return self._first_instant(vm), max(end, vm.last_t)

    def _first_instant(self, vm: Vm) -> int:
        """Of a VM that nobody saw come about: of the chapter in which it was met."""
        if vm.created_t is not None:
            return max(vm.created_t, 0)
        chapters = self.chapters(vm.recording_id)
        if len(chapters) < 2:
            return 0
        of_events = select(func.min(Segment.first_t)).where(col(Segment.vm_id) == vm.id)
        of_memory = select(func.min(MemslotRow.from_t)).where(col(MemslotRow.vm_id) == vm.id)
        with self._session() as session:
            found = (*session.exec(of_events), *session.exec(of_memory), vm.ended_t)
        met = [t for t in found if t is not None]
        begun = [one.from_t for one in chapters if not met or one.from_t <= min(met)]
        return max(begun, default=0)

    def watermarks(self) -> list[Watermark]:
        """What is newest: cheap enough to ask several times a second."""
        with explained(str(self._engine.url.database)):
            return read_watermarks(self._engine)

    def writing(self, recording: Recording) -> Writing | None:
        """Of a recording that is marked as being written; None if it is not."""
        with explained(str(self._engine.url.database)):
            return writing(self._engine, recording)

    def memslots(self, vm_id: int, at: int | None = None) -> list[Memslot]:
        """Memslots with their lifetimes, by start; with `at`, those alive then."""
        with self._session() as session:
            self._checks.require(session.connection(), MEMSLOTS, vm_id)
            return [memslot_of(row) for row in session.exec(memslot_rows(vm_id, at))]

    def guest_memfds(self, vm_id: int) -> list[GuestMemfd]:
        """In the order in which they became known."""
        query = select(GuestMemfdRow).where(col(GuestMemfdRow.vm_id) == vm_id)
        with self._session() as session:
            self._checks.require(session.connection(), GUEST_MEMFDS, vm_id)
            rows = session.exec(query.order_by(col(GuestMemfdRow.id))).all()
        return [
            GuestMemfd(row.fd, row.size, row.flags, row.created_t, row.dev, row.ino) for row in rows
        ]

    def chapters(self, recording_id: int) -> list[Chapter]:
        """The runs of the recorder that a live recording is made of, in order."""
        query = select(Chapter).where(col(Chapter.recording_id) == recording_id)
        with self._session() as session:
            return list(session.exec(query.order_by(col(Chapter.id))))

    def losses(
        self, recording_id: int, t_from: int | None = None, t_to: int | None = None
    ) -> list[Loss]:
        """Losses that meet [t_from, t_to), by start."""
        query = select(LossRow).where(col(LossRow.recording_id) == recording_id)
        if t_from is not None:
            query = query.where(col(LossRow.to_t) >= t_from)
        if t_to is not None:
            query = query.where(col(LossRow.from_t) < t_to)
        query = query.order_by(col(LossRow.from_t), col(LossRow.id))
        with self._session() as session:
            self._checks.require(session.connection(), LOSSES, recording_id)
            rows = session.exec(query).all()
        return [Loss(row.from_t, row.to_t, row.count, row.cpu, row.source) for row in rows]

    def notes(self, vm_id: int, t_from: int | None = None, t_to: int | None = None) -> list[Note]:
        """Notes that meet [t_from, t_to), by start."""
        end = func.coalesce(col(Note.to_t), col(Note.from_t) + 1)
        query = select(Note).where(col(Note.vm_id) == vm_id)
        if t_from is not None:
            query = query.where(end > t_from)
        if t_to is not None:
            query = query.where(col(Note.from_t) < t_to)
        with self._session() as session:
            notes = session.exec(query.order_by(col(Note.from_t), col(Note.id))).all()
        return [_as_written(note) for note in notes]

    def kept_storms(self, vm_id: int) -> list[KeptStorm]:
        """Those that were written down before retention took events around them, by start."""
        with self._session() as session:
            return kept_storms(session, vm_id)

    def note(self, vm_id: int, note_id: int) -> Note:
        """Raises NotFound."""
        with self._session() as session:
            found = session.get(Note, note_id)
        if found is None or found.vm_id != vm_id:
            raise NotFound(f"VM {vm_id} has no note {note_id}")
        return _as_written(found)

    def losses_by_damage(self, vm_id: int) -> list[Loss]:
        """Stretches of a VM that damage took, as far as it was met: rows alone show none."""
        return []

    def damaged_rows(self, recording: Recording) -> list[str]:
        """Which rows of a recording and its VMs are not what was stored, in words."""
        if recording.row_checksum is None:
            return []
        recording_id = recording.id
        with explained(str(self._engine.url.database)), self._engine.connect() as connection:
            keys = [(RECORDINGS, recording_id)]
            keys += [(VMS, vm_id) for vm_id in vm_ids(connection, recording_id)]
            return [what(*key) for key in keys if not self._checks.is_sound(connection, *key)]

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with (
            explained(str(self._engine.url.database)),
            decoding_rows("a row"),
            Session(self._engine, expire_on_commit=False) as session,
        ):
            yield session


@contextmanager
def decoding_rows(rows: str) -> Iterator[None]:
    """Turn what reading values ends in that nobody wrote into RowsDamagedError."""
    try:
        yield
    except (ValueError, LookupError, TypeError) as error:
        raise RowsDamagedError(f"{rows} cannot be read ({error})") from error


def _as_written(note: Note) -> Note:
    """A note, or that it is not what was written."""
    if note.checksum not in (None, note_checksum(note.vm_id, note.model_dump())):
        note.text = f"(damaged, not what was written) {note.text}"
    return note


def memslot_rows(vm_id: int, at: int | None = None) -> SelectOfScalar[MemslotRow]:
    """The query of a VM's memslots by start; with `at`, of those alive then."""
    query = select(MemslotRow).where(col(MemslotRow.vm_id) == vm_id)
    if at is not None:
        is_alive = or_(col(MemslotRow.to_t).is_(None), col(MemslotRow.to_t) > at)
        query = query.where(col(MemslotRow.from_t) <= at, is_alive)
    return query.order_by(col(MemslotRow.from_t), col(MemslotRow.id))


def memslot_of(row: MemslotRow) -> Memslot:
    """Raises ValueError if no memslot lies there."""
    memslot = Memslot(
        slot=row.slot,
        base_gfn=row.base_gfn,
        npages=row.npages,
        flags=row.flags,
        backing=Backing(row.backing),
        backing_certainty=row.backing_certainty,
        userspace_addr=row.userspace_addr,
        guest_memfd=row.guest_memfd,
        guest_memfd_offset=row.guest_memfd_offset,
        as_id=row.as_id,
        from_t=row.from_t,
        to_t=row.to_t,
    )
    require_pages([memslot])
    return memslot
