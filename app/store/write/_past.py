"""The recording that a live one goes on with: which it is, and all that its writer needs of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select
from sqlalchemy.orm import Session
from sqlmodel import col

from app.model.guest import EventKind, GuestMemfd, VmIdentity
from app.store.checksums import DamagedError
from app.store.database import LOSSES, RECORDINGS, SealChecks
from app.store.errors import CannotGoOn, explained
from app.store.protocol import RecordingHeader, StoredRecording, StoredVm
from app.store.schema import (
    EDITION,
    Chapter,
    GuestMemfdRow,
    Host,
    Recording,
    RecordingState,
    Vm,
)
from app.store.segments import ByteCache, Segments
from app.store.write._stored_history import StoredHistory, read_history
from app.store.write._vm_writer import VmWriter, stored_vm_writer

CACHE_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Past:
    """`stored` is what a producer is to know of it."""

    stored: StoredRecording
    losses: int
    lost_events: int
    vms: dict[int, VmWriter]


def find_past(engine: Engine, header: RecordingHeader) -> Past:
    """The latest live recording of the header's host. Raises CannotGoOn, which names why not."""
    with explained(str(engine.url.database)), Session(engine) as session:
        recording = _latest(session, header)
        _require_alike(recording, header)
        chapter = _last_chapter(session, recording)
        try:
            return _read(session, recording, chapter)
        except DamagedError as error:
            raise CannotGoOn(f"recording {recording.id}: {error}") from error


def _latest(session: Session, header: RecordingHeader) -> Recording:
    query = (
        select(Recording)
        .join(Host, col(Host.id) == col(Recording.host_id))
        .where(col(Recording.is_live), col(Host.name) == header.host)
        .where(col(Recording.state).in_((RecordingState.COMPLETE, RecordingState.INCOMPLETE)))
        .order_by(col(Recording.id).desc())
        .limit(1)
    )
    found: Recording | None = session.execute(query).scalar_one_or_none()
    if found is None:
        raise CannotGoOn(f"there is no live recording of the host {header.host}")
    return found


def _require_alike(recording: Recording, header: RecordingHeader) -> None:
    """Times must be of one clock, and figures of all chapters rest on the same events."""
    name = f"recording {recording.id}"
    for what, theirs, ours in (
        ("source", recording.source, header.source),
        ("clock", recording.clock, header.clock),
    ):
        if theirs != ours:
            raise CannotGoOn(f"the {what} of {name} is {theirs}, and this one's is {ours}")
    theirs, ours = recording.coverage.get("sees", {}), header.coverage.get("sees", {})
    differing = [one for one in {**theirs, **ours} if theirs.get(one) != ours.get(one)]
    if differing:
        raise CannotGoOn(f"{name} and this one differ in what they see ({', '.join(differing)})")


def _last_chapter(session: Session, recording: Recording) -> Chapter:
    query = select(Chapter).where(col(Chapter.recording_id) == recording.id)
    found: Chapter | None = (
        session.execute(query.order_by(col(Chapter.id).desc()).limit(1)).scalars().one_or_none()
    )
    if found is None:
        raise CannotGoOn(f"an earlier gmemscope made recording {recording.id}")
    return found


def _read(session: Session, recording: Recording, chapter: Chapter) -> Past:
    connection, checks = session.connection(), SealChecks()
    for table in (RECORDINGS, LOSSES):
        checks.require(connection, table, recording.id)
    segments = Segments(ByteCache(CACHE_BYTES), checks)
    alive = select(Vm).where(col(Vm.recording_id) == recording.id, col(Vm.ended_t).is_(None))
    vms = {}
    stored = []
    for vm in session.execute(alive.order_by(col(Vm.id))).scalars():
        if vm.edition != EDITION or (vm.uncertain is None and vm.events):
            raise CannotGoOn(f"an earlier gmemscope made recording {recording.id}")
        history = read_history(connection, segments, vm.id)
        vms[vm.id] = stored_vm_writer(vm, history)
        stored.append(_stored_vm(connection, vm, history))
    return Past(
        _stored_recording(recording, chapter, stored),
        recording.losses,
        recording.lost_events,
        vms,
    )


def _stored_recording(
    recording: Recording, chapter: Chapter, vms: Iterable[StoredVm]
) -> StoredRecording:
    return StoredRecording(
        recording_id=recording.id,
        complete_t=recording.complete_t,
        last_t=recording.last_t,
        coverage=recording.coverage,
        vms=tuple(vms),
        from_t=chapter.from_t,
        boot_id=chapter.boot_id,
        clock_start_ns=chapter.clock_start_ns,
        wall_start_ns=chapter.wall_start_ns,
    )


def _stored_vm(connection: Connection, vm: Vm, history: StoredHistory) -> StoredVm:
    return StoredVm(
        vm_id=vm.id,
        identity=_identity(vm),
        memslots=history.memslots,
        guest_memfds=tuple(_guest_memfds(connection, vm.id)),
        last_t=vm.last_t,
        open_losses=_open_losses(vm),
    )


def _identity(vm: Vm) -> VmIdentity:
    return VmIdentity(
        name=vm.name,
        pid=vm.pid,
        vm_fd=vm.vm_fd,
        created_t=vm.created_t,
        created_certainty=vm.created_certainty,
        start_state=vm.start_state,
        vm_type=vm.vm_type,
        kvm_pointer=vm.kvm_pointer,
        process_start_ns=vm.process_start_ns,
        uuid=vm.guest_uuid,
        is_unattributed=vm.is_unattributed,
        may_be_several=vm.may_be_several,
    )


def _open_losses(vm: Vm) -> int:
    begun, ended = (
        vm.events_by_kind.get(kind.name.lower(), 0)
        for kind in (EventKind.LOSS_BEGIN, EventKind.LOSS_END)
    )
    return max(0, begun - ended)


def _guest_memfds(connection: Connection, vm_id: int) -> list[GuestMemfd]:
    columns = [col(getattr(GuestMemfdRow, name)) for name in GuestMemfd.__slots__]
    query = select(*columns).where(col(GuestMemfdRow.vm_id) == vm_id)
    return [GuestMemfd(*row) for row in connection.execute(query.order_by(col(GuestMemfdRow.id)))]
