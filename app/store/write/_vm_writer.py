"""One VM of the recording being written: what is given, until it is in the database."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update
from sqlmodel import SQLModel, col

from app.model.events import EventArray, last_effect_time
from app.model.guest import GuestMemfd, Memslot, VmIdentity
from app.model.pagemap import PageMap, disorder
from app.store import checksums
from app.store.errors import CannotGoOn
from app.store.schema import GuestMemfdRow, Keyframe, MemslotRow, Vm
from app.store.write._coarse_summaries import CoarseSummaries
from app.store.write._segment_rows import SegmentRows
from app.store.write._stored_history import StoredHistory
from app.store.write._vm_buffer import VmBuffer
from app.store.write._vm_totals import VmTotals, page_values

KEYFRAME_SEGMENTS = 2
"""A page map is kept after so many segments' worth of events: seeking replays no more of them."""


_VMS = SQLModel.metadata.tables["vm"]
_UPDATE_VM = update(_VMS).where(_VMS.c.id == bindparam("vm")).values(revision=_VMS.c.revision + 1)
_MEMSLOTS = SQLModel.metadata.tables["memslot"]
_OF_SLOT = _MEMSLOTS.alias()
_NEWEST = (
    select(func.max(_OF_SLOT.c.id))
    .where(_OF_SLOT.c.vm_id == bindparam("vm"), _OF_SLOT.c.as_id == bindparam("space"))
    .where(_OF_SLOT.c.slot == bindparam("number"))
)
"""A slot may have had a hundred thousand lives: by the index, the last of them is found at once."""
_END_MEMSLOT = (
    update(_MEMSLOTS)
    .where(_MEMSLOTS.c.id == _NEWEST.scalar_subquery(), _MEMSLOTS.c.to_t.is_(None))
    .values(to_t=bindparam("end"))
)
"""Built once: a statement costs more to build than to execute, and commits come in a rhythm."""


def identity_values(identity: VmIdentity) -> dict[str, Any]:
    """Column values of a VM's row."""
    return {
        "name": identity.name,
        "pid": identity.pid,
        "process_start_ns": identity.process_start_ns,
        "guest_uuid": identity.uuid,
        "vm_fd": identity.vm_fd,
        "vm_type": identity.vm_type,
        "kvm_pointer": identity.kvm_pointer,
        "created_t": identity.created_t,
        "created_certainty": identity.created_certainty,
        "is_unattributed": identity.is_unattributed,
        "may_be_several": identity.may_be_several,
    }


def rename_vms(connection: Connection, identities: Mapping[int, VmIdentity]) -> None:
    """Of VMs that nothing is gathered of any more."""
    for vm_id, identity in identities.items():
        connection.execute(_UPDATE_VM, {"vm": vm_id, **identity_values(identity)})


@dataclass(slots=True)
class VmWriter:
    """Gathers one VM's news between commits and writes them in the commit's transaction."""

    vm_id: int
    buffer: VmBuffer
    rows: SegmentRows
    last_t: int = 0
    _totals: VmTotals = field(default_factory=VmTotals)
    _counted: int = 0  # events of the buffer that the totals include
    _values: dict[str, Any] = field(default_factory=dict)
    _ended_memslots: list[tuple[int, int, int]] = field(default_factory=list)  # as_id, slot, t
    _memslots: list[Memslot] = field(default_factory=list)
    _live: set[tuple[int, int]] = field(default_factory=set)  # as_id, slot
    _places: dict[tuple[int, int], int] = field(default_factory=dict)
    """Of these the ones that are not in the database yet: index in _memslots."""
    _guest_memfds: list[GuestMemfd] = field(default_factory=list)
    _last_pages: dict[str, int] = field(default_factory=dict)  # once the VM has ended
    _events_since_keyframe: int = 0
    _unmapped_id: int | None = None  # of the last sealed segment, if it has no keyframe

    @property
    def has_news(self) -> bool:
        return (
            self.rows.written(self.buffer) != self.buffer.end
            or bool(self._values or self._ended_memslots or self._memslots)
            or bool(self._guest_memfds)
        )

    def append(self, events: EventArray) -> EventArray:
        """Take some events, no more than fit before the next commit; returns the rest.

        Raises ValueError, and takes none, if one takes effect before what was given already.
        """
        taken = events[: self.buffer.room]
        bad = disorder(taken, self.last_t)
        if bad >= 0:
            raise ValueError(f"effect times decrease at event {bad} of VM {self.vm_id}")
        self.buffer.append(taken)
        if len(taken):
            self.last_t = last_effect_time(taken)
        return events[len(taken) :]

    def update(self, identity: VmIdentity) -> None:
        self._values |= identity_values(identity)

    def end(self, t: int, *, is_inferred: bool) -> None:
        if self.last_t < t:
            self.buffer.paint()
            self._last_pages = page_values(self.buffer.page_map) | {"pages_t": t - 1}
        for memslot in self.buffer.page_map.memslots:
            self.delete_memslot(memslot.as_id, memslot.slot, t)
        self._values |= {"ended_t": t, "ended_is_inferred": is_inferred}

    def add_guest_memfd(self, guest_memfd: GuestMemfd) -> None:
        self._guest_memfds.append(guest_memfd)

    def set_memslot(self, memslot: Memslot) -> None:
        self.buffer.set_memslot(memslot)
        self._end_memslot(memslot.as_id, memslot.slot, memslot.from_t)
        self._live.add((memslot.as_id, memslot.slot))
        self._places[memslot.as_id, memslot.slot] = len(self._memslots)
        self._memslots.append(memslot)
        self.last_t = max(self.last_t, memslot.from_t)

    def delete_memslot(self, as_id: int, slot: int, t: int) -> None:
        self.buffer.delete_memslot(as_id, slot, t)
        self._end_memslot(as_id, slot, t)
        self.last_t = max(self.last_t, t)

    def _end_memslot(self, as_id: int, slot: int, t: int) -> None:
        """Give a live memslot its end, wherever it is: still here or in the database."""
        if (as_id, slot) not in self._live:
            return
        self._live.remove((as_id, slot))
        place = self._places.pop((as_id, slot), None)
        if place is None:
            self._ended_memslots.append((as_id, slot, t))
        else:
            self._memslots[place] = replace(self._memslots[place], to_t=t)

    def write(self, connection: Connection, *, seal: bool, is_last: bool = False) -> None:
        """Write the news inside the caller's transaction; with `seal`, everything held; `is_last`:
        nothing will come any more."""
        self.buffer.paint()
        fresh = self.buffer.held(self._counted)
        self._totals.add(fresh)
        self._counted += len(fresh)
        self._write_memslots(connection)
        if seal and self.buffer.end != self.buffer.sealed:
            self._seal(connection)
        else:
            self.rows.add_tail(connection, self.buffer)
        if is_last and self.rows.coarse.group_ns is not None:
            self._end_group(connection)
        values = self._totals.values(self.buffer.page_map, self.buffer.learning)
        values |= self._last_pages | self._values
        values |= {"vm": self.vm_id, "last_t": self.last_t}
        connection.execute(_UPDATE_VM, values)
        self._values = {}

    def take_up(self, connection: Connection, segment_events: int, group_ns: int | None) -> None:
        """Go on with what another writer left, inside the caller's transaction."""
        self.buffer.capacity, self.rows.coarse.group_ns = segment_events, group_ns
        self.rows.coarse.go_on(connection)
        if self._events_since_keyframe:
            self._unmapped_id = self.rows.coarse.last_waiting_id
        self.rows.unite_tails(connection, self.buffer)
        self.write(connection, seal=self.buffer.is_nearly_full)

    def _seal(self, connection: Connection) -> None:
        segment_id, ends_group = self.rows.seal(connection, self.buffer)
        self._unmapped_id = segment_id
        self._events_since_keyframe += self.buffer.held_events
        is_due = self._events_since_keyframe >= KEYFRAME_SEGMENTS * self.buffer.capacity
        if is_due or ends_group:
            self._keep_map(connection, segment_id)
        self.buffer.forget_sealed()
        self._counted = 0

    def _end_group(self, connection: Connection) -> None:
        """Groups end with a map, by which what comes after them stays exact when they go."""
        if self.rows.coarse.end_group(connection) and self._unmapped_id is not None:
            self._keep_map(connection, self._unmapped_id)

    def _keep_map(self, connection: Connection, segment_id: int) -> None:
        """As it is after all that was sealed."""
        alive, blob = _live_memslot_ids(connection, self.vm_id), self.buffer.page_map.to_bytes()
        row = checksums.of_values(segment_id, alive)
        connection.execute(
            insert(Keyframe).values(
                segment_id=segment_id,
                memslot_ids=alive,
                blob=blob,
                checksum=checksums.of_blob(blob, row),
            )
        )
        self._events_since_keyframe, self._unmapped_id = 0, None

    def _write_memslots(self, connection: Connection) -> None:
        if self._ended_memslots:
            keys = ("vm", "space", "number", "end")
            ends = [dict(zip(keys, (self.vm_id, *e), strict=True)) for e in self._ended_memslots]
            connection.execute(_END_MEMSLOT, ends)
        if self._memslots:
            rows = [_memslot_values(self.vm_id, memslot) for memslot in self._memslots]
            connection.execute(insert(MemslotRow), rows)
            self._places = {}
        if self._guest_memfds:
            memfds = [{"vm_id": self.vm_id, **asdict(one)} for one in self._guest_memfds]
            connection.execute(insert(GuestMemfdRow), memfds)
        self._ended_memslots, self._memslots, self._guest_memfds = [], [], []


def _live_memslot_ids(connection: Connection, vm_id: int) -> list[int]:
    query = select(col(MemslotRow.id)).where(col(MemslotRow.vm_id) == vm_id)
    return list(connection.execute(query.where(col(MemslotRow.to_t).is_(None))).scalars())


def _memslot_values(vm_id: int, memslot: Memslot) -> dict[str, Any]:
    return {
        "vm_id": vm_id,
        "as_id": memslot.as_id,
        "slot": memslot.slot,
        "base_gfn": memslot.base_gfn,
        "npages": memslot.npages,
        "flags": memslot.flags,
        "backing": memslot.backing.value,
        "backing_certainty": memslot.backing_certainty,
        "userspace_addr": memslot.userspace_addr,
        "guest_memfd": memslot.guest_memfd,
        "guest_memfd_offset": memslot.guest_memfd_offset,
        "from_t": memslot.from_t,
        "to_t": memslot.to_t,
    }


def stored_vm_writer(vm: Vm, history: StoredHistory) -> VmWriter:
    """Of a VM that is alive. Raises CannotGoOn if its row and its history do not fit together."""
    buffer = VmBuffer(
        history.page_map,
        history.flips,
        sealed=history.sealed,
    )
    buffer.hold(history.events, history.changes)
    values = page_values(history.page_map)
    if values != {name: getattr(vm, name) for name in values}:
        raise CannotGoOn(f"the row of VM {vm.id} is not what its segments add up to")
    return VmWriter(
        vm.id,
        buffer,
        SegmentRows(vm.id, CoarseSummaries(vm.id), history.next_number, list(history.tails)),
        vm.last_t,
        _totals=VmTotals.stored(vm),
        _counted=len(history.events),
        _live={(memslot.as_id, memslot.slot) for memslot in history.memslots},
        _events_since_keyframe=history.events_since_keyframe,
    )


def new_vm_writer(
    vm_id: int, identity: VmIdentity, segment_events: int, group_ns: int | None = None
) -> VmWriter:
    buffer = VmBuffer(PageMap(identity.start_state), capacity=segment_events)
    return VmWriter(vm_id, buffer, SegmentRows(vm_id, CoarseSummaries(vm_id, group_ns)))
