"""Storms found while they are recorded are those that are found in the finished recording."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sqlalchemy import Engine

from app.model.events import EVENT, EventArray, effect_time
from app.model.guest import UNKNOWN_VCPU, Certainty, EventKind, PageState, VmIdentity
from app.queries.figures import row_id
from app.queries.live import LiveStorm, LiveStorms, begun_line, ended_line
from app.queries.storms import Storms, headline
from app.store.database import open_database
from app.store.protocol import RecordingHeader
from app.store.read import Reader
from app.store.schema import Vm
from app.store.write import RecordingWriter, _writer as writing, find_past

SECOND = 1_000_000_000
HEADER = RecordingHeader("live", "simulator", "host", "mono", 0)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = open_database(tmp_path_factory.mktemp("live") / "live.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "LIVE_COMMIT_S", 0)  # each `advance` commits
        patch.setattr(writing, "LIVE_COMMIT_REST", 0)
        yield engine
    engine.dispose()


def guest(name: str, created_t: int | None = None) -> VmIdentity:
    return VmIdentity(name, 70, 9, created_t, Certainty.SEEN, PageState.SHARED)


def calls(instants: np.ndarray, kind: EventKind = EventKind.CONVERSION) -> EventArray:
    """Of some length: what was entered first may return last."""
    events = np.zeros(len(instants), EVENT)
    events["latency_ns"] = 1 + instants % 50_000
    events["t"] = instants - events["latency_ns"]
    events["kind"], events["npages"], events["to"] = kind, 1, np.arange(len(instants)) % 2
    events["gfn"], events["vcpu"] = np.arange(len(instants)) % 64, UNKNOWN_VCPU
    return events


def every(period_ms: float, from_s: float, to_s: float) -> np.ndarray:
    return np.arange(from_s * SECOND, to_s * SECOND, period_ms * 1e6).astype(np.int64)


def stormy(seed: int) -> tuple[EventArray, int]:
    """Conversions and page faults of a guest, with how far time came."""
    random = np.random.default_rng(seed)
    now, parts = 0.1, []
    for _ in range(random.integers(2, 9)):
        calm, length = random.uniform(0.1, 7), random.uniform(0.05, 3)
        parts.append(every(random.choice([30.0, 200.0, 2_000.0]), now, now + calm))
        now += calm
        many = int(random.choice([300, 900, 1_100, 2_500]))
        parts.append(((now + np.sort(random.uniform(0, length, many))) * SECOND).astype(np.int64))
        now += length
    conversions = calls(np.sort(np.concatenate(parts)))
    faults = calls(every(0.05, now / 3, now / 3 + random.uniform(1, 2)), EventKind.PAGE_FAULT)
    both = np.concatenate((conversions, faults))
    return both[np.argsort(effect_time(both), kind="stable")], int((now + 3) * SECOND)


def told(storms: tuple[LiveStorm, ...] | None) -> list[tuple[object, ...]]:
    assert storms is not None
    return [(s.id, s.kind, s.from_t, s.to_t, s.calls, s.in_boot) for s in storms]


def found(reader: Reader, vm: Vm) -> list[tuple[object, ...]]:
    storms = Storms(reader).list(vm).storms
    return [(s.id, s.kind, s.from_t, s.to_t, s.calls, s.in_boot) for s in storms]


@given(st.integers(0, 10_000), st.integers(1, 3))
@settings(deadline=None, max_examples=12)
def test_they_are_those_of_the_finished_recording(engine: Engine, seed: int, vms: int) -> None:
    """However the events of each VM are cut into batches; those of one may come long after those
    of another."""
    random, reader = np.random.default_rng(seed), Reader(engine)
    live, seen = LiveStorms(reader), LiveStorms(reader)
    histories = [stormy(seed + vm) for vm in range(vms)]
    end = max(reached for _, reached in histories)
    with RecordingWriter(engine, HEADER, is_live=True, segment_events=8_192) as writer:
        seen.look()  # from the beginning
        ids = [
            writer.add_vm(guest(f"vm {i}", None if random.random() < 0.5 else 0))
            for i in range(vms)
        ]
        for upto in [*np.sort(random.integers(0, end, random.integers(1, 12))).tolist(), end]:
            for place, vm_id in enumerate(ids):
                events, reached = histories[place]
                count = int(np.searchsorted(effect_time(events), upto))
                if random.random() < 0.3 and upto < end:
                    count //= 2  # late
                writer.append(vm_id, events[:count])
                histories[place] = events[count:], reached
            late = [int(effect_time(events[:1])[0]) for events, _ in histories if len(events)]
            writer.advance(min([upto, *late]))
            if random.random() < 0.7:
                seen.look()
            if random.random() < 0.2:
                live.look()
    seen.look()
    for vm in reader.vms(writer.recording_id):
        expected = found(reader, vm)
        assert told(seen.of_vm(row_id(vm))) == expected
        assert all(storm.is_over for storm in seen.of_vm(row_id(vm)) or ())
        live.look()
        if live.of_vm(row_id(vm)) is not None:  # it looked when the recording was half done
            assert told(live.of_vm(row_id(vm))) == expected


def test_a_storm_begins_goes_on_and_ends(engine: Engine) -> None:
    reader = Reader(engine)
    live = LiveStorms(reader)
    states: list[tuple[LiveStorm, ...]] = []
    instants = np.concatenate((every(200, 0, 10), every(0.5, 10, 14), every(200, 14.3, 30)))
    events = calls(instants)
    with RecordingWriter(engine, HEADER, is_live=True) as writer:
        vm_id = writer.add_vm(guest("one that storms"))
        for second in range(1, 31):
            batch = events[(instants >= (second - 1) * SECOND) & (instants < second * SECOND)]
            writer.append(vm_id, batch)
            writer.advance(second * SECOND)
            live.look()
            states.append(live.of_vm(vm_id) or ())
    vm = reader.vm(vm_id)
    (storm,) = Storms(reader).list(vm).storms
    assert states[:10] == [()] * 10
    assert [s.calls for (s,) in states[10:14]] == [2_000, 4_000, 6_000, 8_000]
    assert {s.id for (s,) in states[10:]} == {storm.id}
    assert [s.is_over for (s,) in states[10:18]] == [False] * 6 + [True] * 2
    (last,) = states[-1]
    assert begun_line(vm, states[10][0]) == (
        f"storm {storm.id} of one that storms (vm {vm_id}) has begun at t+10.000000 s: "
        "2,000 conversions so far"
    )
    facts = Storms(reader).facts(vm, storm)
    assert ended_line(vm, last, facts) == (
        f"storm {storm.id} of one that storms (vm {vm_id}) has ended at t+13.999500 s: "
        f"8,000 conversions in 4 s, 2,000/s. {headline(facts)}"
    )


def test_a_vm_without_news_is_not_read_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless a storm goes on, which ends as time passes; or time that passes makes bursts of what
    was usual before."""
    asked: list[int] = []
    span = Reader.span

    def note(reader: Reader, vm_id: int) -> tuple[int, int]:
        asked.append(vm_id)
        return span(reader, vm_id)

    monkeypatch.setattr(Reader, "span", note)
    live = LiveStorms(Reader(engine))
    with RecordingWriter(engine, HEADER, is_live=True) as writer:
        live.look()
        names = ("calm", "stormy", "busy")
        calm, stormy, busy = ids = [writer.add_vm(guest(name)) for name in names]
        writer.append(calm, calls(every(200, 0, 1)))
        writer.append(stormy, calls(np.r_[every(200, 0, 10), every(0.5, 10, 11)]))
        writer.append(busy, calls(every(0.5, 0, 11)))
        read = []
        for second in (11, 12, 13, 14):
            writer.advance(second * SECOND)
            asked.clear()
            live.look()
            read.append([names[ids.index(vm_id)] for vm_id in dict.fromkeys(asked)])
    assert read == [list(names), ["stormy", "busy"], ["stormy", "busy"], ["busy"]]
    assert [storm.is_over for storm in live.of_vm(stormy) or ()] == [True]


class Seen:
    """An observer that keeps what it was given."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self.began_at: list[int] = []

    def began(self, vm: Vm, border_t: int) -> None:
        self.began_at.append(border_t)

    def observe(self, vm: Vm, events: EventArray) -> None:
        self.times += events["t"].tolist()

    def forgot(self, vm_id: int) -> None: ...


def test_each_event_is_observed_once(engine: Engine) -> None:
    seen, late = Seen(), Seen()
    live, later = (LiveStorms(Reader(engine), one) for one in (seen, late))
    events, _ = stormy(3)
    live.look()
    with RecordingWriter(engine, HEADER, is_live=True) as writer:
        vm_id = writer.add_vm(guest("observed"))
        live.look()
        for batch in np.array_split(events, 20):
            writer.append(vm_id, batch)
            writer.advance(int(effect_time(batch)[-1]))
            live.look()
            if len(seen.times) > len(events) // 2:
                later.look()
    live.look()
    assert seen.began_at == [0]
    assert seen.times == events["t"].tolist()
    (border,) = late.began_at
    assert border > 0
    assert late.times == events["t"][effect_time(events) >= border].tolist()


def test_a_recording_that_is_gone_on_with_is_followed_on(engine: Engine) -> None:
    """Each event is observed once; its storms are those of the whole."""
    seen, reader = Seen(), Reader(engine)
    live, late = LiveStorms(reader, seen), LiveStorms(reader)
    header = replace(HEADER, host="again")
    events, _ = stormy(4)
    live.look()
    with RecordingWriter(engine, header, is_live=True) as writer:
        vm_id = writer.add_vm(guest("again"))
        live.look()
        writer.append(vm_id, events[: len(events) // 2])
    live.look()
    late.look()  # for the first time
    past = find_past(engine, header)
    with RecordingWriter(engine, header, is_live=True, past=past) as writer:
        late.look()
        other = writer.add_vm(guest("other"))
        writer.append(vm_id, events[len(events) // 2 :])
        writer.append(other, events)
        writer.advance(int(effect_time(events)[-1]))
        live.look()
    live.look()
    late.look()
    assert seen.began_at == [0, 0]
    assert sorted(seen.times) == sorted([*events["t"].tolist()] * 2)
    for vm in (reader.vm(vm_id), reader.vm(other)):
        assert told(live.of_vm(vm.id)) == told(late.of_vm(vm.id)) == found(reader, vm)


def test_a_recording_that_was_finished_before_has_none_here(engine: Engine) -> None:
    reader = Reader(engine)
    live = LiveStorms(reader)
    live.look()
    assert live.all() == []
    assert live.of_vm(row_id(reader.vms()[-1])) is None
