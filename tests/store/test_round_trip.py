"""What is read is what was written, however it was cut into batches and segments."""

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import Engine

from app.model.events import ChangeArray, EventArray, effect_time
from app.model.guest import EventKind, GuestMemfd, Outcome, PageState
from app.model.pagemap import PageMap
from app.model.stats import FlipHistory
from app.store.protocol import Loss
from app.store.read import Reader
from app.store.schema import RecordingState
from app.store.write import RecordingWriter
from tests.store.histories import HEADER, IDENTITY, Write, memslot, random_events


def read_events(engine: Engine, vm_id: int) -> EventArray:
    return np.concatenate([events for events, _ in Reader(engine).iter_events(vm_id)])


def read_changes(engine: Engine, vm_id: int) -> ChangeArray:
    return np.concatenate(list(Reader(engine).iter_changes(vm_id)))


def painted(events: EventArray) -> tuple[EventArray, ChangeArray]:
    """Events with their effective pages, and the changes, without any store."""
    page_map = PageMap(PageState.SHARED)
    layout = page_map.set_memslot(memslot(0, 0, 4096))
    events = events.copy()
    return events, FlipHistory().mark(np.concatenate([layout, page_map.apply(events, 0)]))


@pytest.mark.parametrize("batch", [1, 10, 64, 100, 1000])
def test_batch_borders_change_nothing(engine: Engine, write: Write, batch: int) -> None:
    events, changes = painted(random_events(300))
    written = write(events, batch=batch, segment_events=64)
    np.testing.assert_array_equal(read_events(engine, written.vm_id), events)
    np.testing.assert_array_equal(read_changes(engine, written.vm_id), changes)


def test_the_callers_array_is_left_alone(write: Write) -> None:
    events = random_events(100)
    before = events.copy()
    write(events)
    np.testing.assert_array_equal(events, before)


def test_totals_in_the_vm_row_are_sums_over_its_events(engine: Engine, write: Write) -> None:
    events, _ = painted(random_events(1000))
    vm = Reader(engine).vm(write(events).vm_id)
    conversions = events[events["kind"] == EventKind.CONVERSION]
    outcomes = [int((conversions["outcome"] == outcome).sum()) for outcome in Outcome]
    assert [vm.applied, vm.failed, vm.unconfirmed] == outcomes
    assert vm.requested == len(conversions)
    assert vm.events == len(events)
    assert vm.effective_pages == int(conversions["effective_pages"].sum())
    assert vm.events_by_kind["page_fault"] == int((events["kind"] == EventKind.PAGE_FAULT).sum())
    assert vm.last_t == int(effect_time(events)[-1])


def test_pages_by_state_in_the_vm_row_sum_up_to_its_memslots(engine: Engine, write: Write) -> None:
    vm = Reader(engine).vm(write(random_events(1000)).vm_id)
    assert vm.private_pages + vm.shared_pages + vm.unknown_pages == 4096
    assert vm.layout_is_known


def test_a_recording_says_what_it_is(engine: Engine, write: Write) -> None:
    written = write(random_events(10))
    reader = Reader(engine)
    recording = reader.recording(written.recording_id)
    assert recording.state == RecordingState.COMPLETE
    assert recording.incomplete_reason is None
    assert recording.clock_start_ns == HEADER.clock_start_ns
    assert [host.name for host in reader.hosts()] == ["rack-7"]
    vm = reader.vm(written.vm_id)
    assert vm.kvm_pointer == IDENTITY.kvm_pointer
    assert vm.created_certainty == IDENTITY.created_certainty
    assert vm.start_state is PageState.SHARED


def test_memslots_have_lifetimes(engine: Engine) -> None:
    with RecordingWriter(engine, HEADER) as writer:
        vm_id = writer.add_vm(IDENTITY)
        writer.set_memslot(vm_id, memslot(0, 0, 100, from_t=10))
        writer.set_memslot(vm_id, memslot(1, 200, 50, from_t=20))
        writer.set_memslot(vm_id, memslot(0, 300, 100, from_t=30))
        writer.delete_memslot(vm_id, 0, 1, 40)
        writer.end_vm(vm_id, 50, is_inferred=True)
    reader = Reader(engine)
    lifetimes = [(one.slot, one.base_gfn, one.from_t, one.to_t) for one in reader.memslots(vm_id)]
    assert lifetimes == [(0, 0, 10, 30), (1, 200, 20, 40), (0, 300, 30, 50)]
    assert [one.base_gfn for one in reader.memslots(vm_id, at=30)] == [200, 300]
    assert reader.vm(vm_id).ended_t == 50
    assert reader.vm(vm_id).ended_is_inferred


def test_a_memslot_that_outlives_a_commit_ends_all_the_same(engine: Engine) -> None:
    with RecordingWriter(engine, HEADER, segment_events=16) as writer:
        vm_id = writer.add_vm(IDENTITY)
        writer.set_memslot(vm_id, memslot(0, 0, 4096))
        events = random_events(100)
        writer.append(vm_id, events)
        end = int(effect_time(events)[-1]) + 5
        writer.delete_memslot(vm_id, 0, 0, end)
    (only,) = Reader(engine).memslots(vm_id)
    assert (only.from_t, only.to_t) == (0, end)


def test_what_nobody_told_of_a_memslot_stays_unknown(engine: Engine) -> None:
    found = replace(memslot(-1, 0, 4096), flags=None, userspace_addr=None)
    with RecordingWriter(engine, HEADER) as writer:
        vm_id = writer.add_vm(IDENTITY)
        writer.set_memslot(vm_id, found)
    assert Reader(engine).memslots(vm_id) == [found]


def test_a_vm_is_named_for_good_by_what_is_learned_of_its_vmm(engine: Engine) -> None:
    with RecordingWriter(engine, HEADER) as writer:
        vm_id = writer.add_vm(IDENTITY)
        learned = replace(IDENTITY, name="db-1", process_start_ns=77, uuid="2b2c")
        writer.update_vm(vm_id, learned)
    vm = Reader(engine).vm(vm_id)
    assert (vm.name, vm.process_start_ns, vm.guest_uuid) == ("db-1", 77, "2b2c")


def test_losses_and_guest_memfds_are_kept(engine: Engine) -> None:
    losses = [Loss(100, 200, 7, 3, "cpu buffer"), Loss(150, 400, None, None, "file")]
    guest_memfds = [
        GuestMemfd(fd=20, size=1 << 40, flags=3, created_t=5, dev=0x10, ino=77),
        GuestMemfd(fd=21, size=1 << 40, flags=None, created_t=None),
    ]
    with RecordingWriter(engine, HEADER) as writer:
        vm_id = writer.add_vm(IDENTITY)
        for guest_memfd in guest_memfds:
            writer.add_guest_memfd(vm_id, guest_memfd)
        for loss in losses:
            writer.add_loss(loss)
    reader = Reader(engine)
    assert reader.guest_memfds(vm_id) == guest_memfds
    assert reader.losses(writer.recording_id) == losses
    assert reader.losses(writer.recording_id, t_from=300) == losses[1:]
    recording = reader.recording(writer.recording_id)
    assert (recording.losses, recording.lost_events, recording.last_t) == (2, 7, 400)


def test_time_that_decreases_is_refused(engine: Engine) -> None:
    events = random_events(20)[::-1].copy()
    with (
        pytest.raises(ValueError, match="effect times decrease"),
        RecordingWriter(engine, HEADER) as writer,
    ):
        vm_id = writer.add_vm(IDENTITY)
        writer.append(vm_id, events)
    (recording,) = Reader(engine).recordings()
    assert recording.state == RecordingState.INCOMPLETE
    assert "effect times decrease" in str(recording.incomplete_reason)


def test_an_error_keeps_what_was_given(engine: Engine) -> None:
    events, _ = painted(random_events(100))
    with (
        pytest.raises(RuntimeError, match="the input was cut"),
        RecordingWriter(engine, HEADER) as writer,
    ):
        vm_id = writer.add_vm(IDENTITY)
        writer.set_memslot(vm_id, memslot(0, 0, 4096))
        writer.append(vm_id, events)
        raise RuntimeError("the input was cut")
    np.testing.assert_array_equal(read_events(engine, vm_id), events)
    recording = Reader(engine).recording(writer.recording_id)
    assert (recording.state, recording.incomplete_reason) == ("incomplete", "the input was cut")


def test_a_damaged_input_is_incomplete_without_an_error(engine: Engine) -> None:
    with RecordingWriter(engine, HEADER) as writer:
        writer.mark_incomplete("trace.dat is cut at offset 0x1000")
    recording = Reader(engine).recording(writer.recording_id)
    assert recording.state == RecordingState.INCOMPLETE
    assert recording.incomplete_reason == "trace.dat is cut at offset 0x1000"


def test_vms_of_one_recording_do_not_mix(engine: Engine) -> None:
    events = [random_events(200, seed) for seed in range(3)]
    with RecordingWriter(engine, HEADER, segment_events=32) as writer:
        ids = [writer.add_vm(IDENTITY) for _ in events]
        for first in range(0, 200, 50):
            for vm_id, one in zip(ids, events, strict=True):
                writer.append(vm_id, one[first : first + 50])
    for vm_id, one in zip(ids, events, strict=True):
        got = read_events(engine, vm_id)
        np.testing.assert_array_equal(got["gfn"], one["gfn"])


def test_many_vms_hold_no_more_memory_than_few(engine: Engine) -> None:
    """Beyond the limit the largest buffers are sealed early; nothing is lost by that."""
    with RecordingWriter(engine, HEADER, segment_events=64) as writer:
        ids = [writer.add_vm(IDENTITY) for _ in range(40)]
        for vm_id in ids:
            writer.append(vm_id, random_events(30))
        held = sum(vm.buffer.held_events for vm in writer._vms.values())
        assert held <= 10 * 64
    assert all(len(read_events(engine, vm_id)) == 30 for vm_id in ids)
