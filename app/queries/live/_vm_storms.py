"""The storms of one VM while it is recorded."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from app.model.events import LIMIT, EventArray, effect_time
from app.model.guest import LINE_NUMBERS
from app.model.stats import ANY, BIN_SHIFT, Bins, Burst, EventQuery, Instants, LiveBursts, only
from app.queries.choices import StormKind
from app.queries.figures import consistent_answer, row_id
from app.queries.storms import KINDS, StormReading, StormRules, per_second
from app.store.read import Reader
from app.store.schema import Recording, Vm


class Observer(Protocol):
    """Who wants to know of all events besides, of each VM in order and each once."""

    def began(self, vm: Vm, border_t: int) -> None:
        """What took effect before that will not be given."""

    def observe(self, vm: Vm, events: EventArray) -> None: ...

    def forgot(self, vm_id: int) -> None:
        """The VM is there no more."""


Seqs = npt.NDArray[np.int64]
Kinds = npt.NDArray[np.uint8]
_BURSTING = only(*KINDS.values())
_SETTLES_SHIFT = 30
"""A burst has ended once the interval of 2^30 ns after the one of its last event is known in full:
its last hot bins cannot be joined by any later one."""
_RULES = StormRules()


@dataclass(frozen=True, slots=True)
class LiveStorm:
    """A storm as far as it has come. Compare `id` and `vm_id`: what else there is may change."""

    vm_id: int
    recording_id: int
    id: str
    kind: StormKind
    from_t: int
    to_t: int  # just after its last event so far
    calls: int
    in_boot: bool
    is_over: bool

    @property
    def per_second(self) -> float:
        return per_second(self.calls, self.from_t, self.to_t)


@dataclass(frozen=True, slots=True)
class _State:
    """How far a VM was known at a look."""

    revision: int
    complete_t: int
    is_written: bool
    ended_t: int | None


class VmStorms:
    """Reads what is new of a VM. Not for several threads at once."""

    def __init__(self, reader: Reader, observer: Observer | None, *, is_new: bool) -> None:
        """`is_new`: it was not there at the look before, so that all its events are news."""
        self._reader = reader
        self._is_new = is_new
        self._observer = observer
        self._where = _BURSTING if observer is None else ANY
        self._reading = StormReading(reader)
        self._bursts: dict[StormKind, LiveBursts] | None = None
        self._next_seq = 0
        self._observed_seq: int | None = None  # None: nothing was given to anyone yet
        self._began_with: tuple[object, ...] = ()
        self._state: _State | None = None
        self._ids: dict[tuple[StormKind, int], str] = {}
        self.storms: tuple[LiveStorm, ...] = ()  # by start

    def look(self, vm: Vm, recording: Recording, *, is_written: bool) -> None:
        """`recording` was read before `vm`: everything before its `complete_t` is there."""
        if recording.clock == LINE_NUMBERS:
            return
        state = _State(vm.revision, recording.complete_t, is_written, vm.ended_t)
        if self._has_nothing_new(state):
            return
        self.storms = consistent_answer(self._reader, row_id(vm), lambda: self._look(vm, state))
        self._state = state

    def _has_nothing_new(self, state: _State) -> bool:
        """That time passes alone ends storms, and lowers thresholds; nothing else."""
        before, bursts = self._state, self._bursts or {}
        if before is None or not all(storm.is_over for storm in self.storms):
            return before == state
        if all(one.is_lowest for one in bursts.values()):
            before = replace(before, complete_t=state.complete_t)
        return before == state

    def _look(self, vm: Vm, state: _State) -> tuple[LiveStorm, ...]:
        damage, since = self._reader.damage_met(row_id(vm)), self._reading.kept_since(vm)
        began_with = (vm.created_t, damage, since)
        bursts = self._bursts
        if bursts is None or self._began_with != began_with:
            bursts = self._begin(vm, state)
            self._began_with = began_with
        self._read(vm, bursts)
        outdated = [one.is_outdated(exactly=not state.is_written) for one in bursts.values()]
        if any(outdated):
            bursts = self._begin(vm, state)
            self._read(vm, bursts)
            for one in bursts.values():
                one.is_outdated(exactly=True)
        return tuple(self._found(vm, bursts, state))

    def _begin(self, vm: Vm, state: _State) -> dict[StormKind, LiveBursts]:
        """With all that is there in full, by summaries."""
        border = 0 if self._is_new else state.complete_t >> BIN_SHIFT
        self._is_new = False
        bins, created_t = self._reading.bins(vm, border), self._reading.created_t(vm)
        self._bursts = {kind: LiveBursts(bins[kind], _RULES.of(kind), created_t) for kind in KINDS}
        before = EventQuery(t_to=border << BIN_SHIFT, where=self._where)
        _, last = self._reader.events(row_id(vm), before, before_seq=LIMIT, limit=1)
        self._next_seq = int(last[0]) + 1 if len(last) else 0
        if self._observed_seq is None:
            self._observed_seq = self._next_seq
            if self._observer is not None:
                self._observer.began(vm, border << BIN_SHIFT)
        return self._bursts

    def _read(self, vm: Vm, bursts: dict[StormKind, LiveBursts]) -> None:
        """What came since, and that time has passed."""
        end = (self._reader.span(row_id(vm))[1] >> BIN_SHIFT) + 1
        for one in bursts.values():
            one.add(_bins(np.zeros(0, np.int64), end))
        for instants, kinds, seqs in self._new(vm):
            for kind, event_kind in KINDS.items():
                bursts[kind].add(_bins(instants[kinds == event_kind], end))
            self._next_seq = int(seqs[-1]) + 1

    def _new(self, vm: Vm) -> Iterator[tuple[Instants, Kinds, Seqs]]:
        """All columns are read for who observes them alone."""
        query, after = EventQuery(where=self._where), self._next_seq - 1
        if self._observer is None:
            yield from self._reader.iter_instants(row_id(vm), query, after_seq=after)
            return
        for events, seqs in self._reader.iter_events(row_id(vm), query, after_seq=after):
            self._observe(vm, events, seqs, self._observer)
            yield effect_time(events), events["kind"], seqs

    def _observe(self, vm: Vm, events: EventArray, seqs: Seqs, observer: Observer) -> None:
        """Of what is read once more, as where all is found anew, nothing is observed again."""
        known = int(np.searchsorted(seqs, self._observed_seq or 0))
        if known < len(seqs):
            self._observed_seq = int(seqs[-1]) + 1
            observer.observe(vm, events[known:])

    def _found(self, vm: Vm, bursts: dict[StormKind, LiveBursts], state: _State) -> list[LiveStorm]:
        storms = []
        for kind, live in bursts.items():
            instants_in = self._reading.instants_in(row_id(vm), kind, self._next_seq)
            storms += [
                LiveStorm(
                    vm_id=row_id(vm),
                    recording_id=vm.recording_id,
                    id=self._id_of(vm, kind, burst),
                    kind=kind,
                    from_t=burst.from_t,
                    to_t=burst.to_t + 1,
                    calls=burst.calls,
                    in_boot=burst.in_boot,
                    is_over=_is_over(burst, state),
                )
                for burst in live.look(instants_in).bursts
            ]
        return sorted(storms, key=lambda storm: (storm.from_t, storm.kind))

    def _id_of(self, vm: Vm, kind: StormKind, burst: Burst) -> str:
        begins = kind, burst.from_t
        if begins not in self._ids:
            self._ids[begins] = self._reading.id_of(row_id(vm), kind, burst)
        return self._ids[begins]


def _bins(instants: Instants, end: int) -> Bins:
    at, counts = np.unique(instants >> BIN_SHIFT, return_counts=True)
    return Bins(0, max(end, int(at[-1]) + 1) if len(at) else end, at, counts)


def _is_over(burst: Burst, state: _State) -> bool:
    if not state.is_written or state.ended_t is not None:
        return True
    return state.complete_t >> _SETTLES_SHIFT >= (burst.to_t >> _SETTLES_SHIFT) + 2
