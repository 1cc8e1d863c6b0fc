"""What holds for the rows of every scenario."""

import numpy as np
import pytest

from app.model.events import effect_time
from app.model.guest import Backing, Cause, Certainty, EventKind, Outcome, PageState, To
from collector.simulator import Limits
from collector.simulator.scenarios import SCENARIOS
from tests.simulator.conftest import Perform

EVERY = pytest.mark.parametrize("name", SCENARIOS)
FEW = Limits(conversions=2000)


@EVERY
def test_set_up_is_seen_from_the_creation_on(name: str, perform: Perform) -> None:
    heard = perform(name, limits=FEW).heard
    assert heard.identity is not None
    assert heard.identity.created_t is not None
    assert heard.identity.created_certainty == Certainty.SEEN
    assert heard.identity.start_state == PageState.SHARED
    assert heard.identity.created_t < min(slot.from_t for slot in heard.memslots)
    assert {slot.backing for slot in heard.memslots} == set(Backing)
    assert len(heard.guest_memfds) >= 2


@EVERY
def test_all_ram_is_made_private_in_one_call_per_slot(name: str, perform: Perform) -> None:
    heard = perform(name, limits=FEW).heard
    calls = heard.of_kind(EventKind.CONVERSION)[:3]
    mixed = sorted((s.base_gfn, s.npages) for s in heard.memslots if s.backing is Backing.MIXED)
    assert sorted(zip(calls["gfn"].tolist(), calls["npages"].tolist(), strict=True)) == mixed[:3]
    assert np.all(calls["to"] == To.PRIVATE)
    assert np.all(calls["cause"] == Cause.VMM)
    per_page = calls["latency_ns"] / calls["npages"]
    assert 50 < per_page[calls["npages"] > 100_000].mean() < 80


@EVERY
def test_every_row_is_plausible(name: str, perform: Perform) -> None:
    limits = Limits(conversions=50_000) if name == "load" else None
    events = perform(name, limits=limits).heard.events
    assert events["t"].min() >= 0
    calls = events[events["kind"] == EventKind.CONVERSION]
    assert np.all((calls["errno"] != 0) == (calls["outcome"] == Outcome.FAILED))
    assert np.all((calls["latency_ns"] < 0) == (calls["outcome"] == Outcome.UNCONFIRMED))
    assert np.all(calls["aux"] == np.where(calls["to"] == To.PRIVATE, 8, 0))
    assert np.all(calls["npages"] > 0)
    aligned = (calls["address_low"] == 0) & (calls["size_low"] == 0)
    assert np.all(aligned | (calls["outcome"] == Outcome.FAILED))
    single = calls["latency_ns"][(calls["npages"] == 1) & (calls["latency_ns"] >= 0)]
    assert 5_000 < np.median(single) < 20_000


@pytest.mark.parametrize("name", sorted(set(SCENARIOS) - {"load"}))
def test_each_asked_for_conversion_follows_its_request(name: str, perform: Perform) -> None:
    events = perform(name).heard.events
    lost = events[np.isin(events["kind"], (EventKind.LOSS_BEGIN, EventKind.LOSS_END))]["t"]
    for cause, kind in (
        (Cause.EXPLICIT, EventKind.HYPERCALL),
        (Cause.IMPLICIT, EventKind.MEMORY_FAULT),
    ):
        calls = np.sort(events[events["cause"] == cause], order=["tid", "t"])
        asked = np.sort(events[events["kind"] == kind], order=["tid", "t"])
        if len(lost):
            calls, asked = (
                rows[(rows["t"] < lost[0] - 10**6) | (rows["t"] > lost[1] + 10**6)]
                for rows in (calls, asked)
            )
        assert len(calls) == len(asked)
        lead = calls["t"] - asked["t"]
        assert np.all((lead > 0) & (lead < 10_000))
        for column in ("gfn", "npages", "to", "tid", "vcpu"):
            assert np.array_equal(calls[column], asked[column])


@pytest.mark.parametrize("name", sorted(set(SCENARIOS) - {"load"}))
def test_a_thread_does_one_thing_at_a_time(name: str, perform: Perform) -> None:
    two_cycles_and_more = Limits(until_t=150_000_000_000)
    events = perform(name, limits=two_cycles_and_more).heard.events
    calls = np.sort(events[events["latency_ns"] > 0], order=["tid", "t"])
    is_same_thread = calls["tid"][1:] == calls["tid"][:-1]
    returned = calls["t"][:-1] + calls["latency_ns"][:-1]
    assert np.all(returned[is_same_thread] <= calls["t"][1:][is_same_thread])


def test_punched_holes_follow_conversions_to_shared(perform: Perform) -> None:
    performance = perform("balloon")
    heard = performance.heard
    calls = heard.of_kind(EventKind.CONVERSION)
    shared = calls[calls["to"] == To.SHARED]
    holes = heard.of_kind(EventKind.PUNCH_HOLE)
    assert sorted(holes["gfn"].tolist()) == sorted(shared["gfn"].tolist())
    (high,) = [slot for slot in heard.memslots if slot.slot == 4]
    above = holes[holes["gfn"] >= high.base_gfn]
    expected = (above["gfn"] - high.base_gfn) * 4096 + high.guest_memfd_offset
    assert np.array_equal(above["aux"], expected)


def test_every_kind_of_event_is_in_the_demo(perform: Perform) -> None:
    """But those of hosts that it is not: of SEV, and of VMs that were found running already."""
    kinds = set(perform("boot-and-storm").heard.events["kind"].tolist())
    assert kinds == {int(kind) for kind in EventKind if kind < EventKind.REGISTER_REGION}


def test_calm_is_calm(perform: Perform) -> None:
    performance = perform("calm")
    assert not performance.planted("storm")
    assert not performance.heard.losses
    calls = performance.heard.of_kind(EventKind.CONVERSION)
    booted = 7_000_000_000
    steady = calls[calls["t"] > booted]
    seconds = (performance.played.end_t - booted) / 1e9
    assert 3 < len(steady) / seconds < 9
    assert np.all(steady["npages"] == 1)


def test_storms_stand_out_from_steady_traffic(perform: Perform) -> None:
    performance = perform("boot-and-storm")
    storm = performance.planted("storm")[0]
    moments = effect_time(performance.heard.of_kind(EventKind.CONVERSION))
    inside = np.sum((moments >= storm.from_t) & (moments < storm.to_t))
    length = storm.to_t - storm.from_t
    before = np.sum((moments >= storm.from_t - length // 2) & (moments < storm.from_t))
    assert inside / length > 200 * before / (length // 2)


def test_mmio_hole_calls_meet_no_memslot(perform: Perform) -> None:
    heard = perform("mmio-hole").heard
    calls = heard.of_kind(EventKind.CONVERSION)
    beyond = calls[calls["gfn"] >= 1 << 24]
    hole = beyond[beyond["npages"] == 512]
    assert len(hole) == 32_768
    for slot in heard.memslots:
        outside = (hole["gfn"] + 512 <= slot.base_gfn) | (hole["gfn"] >= slot.end_gfn)
        assert np.all(outside)


def test_implicit_only_guests_never_ask(perform: Perform) -> None:
    heard = perform("implicit-only").heard
    calls = heard.of_kind(EventKind.CONVERSION)
    assert not len(heard.of_kind(EventKind.HYPERCALL))
    assert set(calls["cause"].tolist()) == {int(Cause.IMPLICIT), int(Cause.VMM)}


def test_kexec_takes_every_shared_page_back(perform: Perform) -> None:
    performance = perform("kexec")
    storm, reboot = performance.planted("storm")
    assert storm.to_t < reboot.from_t
    shared: set[tuple[int, int]] = set()
    for call in performance.heard.of_kind(EventKind.CONVERSION):
        if call["t"] > storm.to_t:
            break
        page = (int(call["gfn"]), int(call["npages"]))
        if call["to"] == To.SHARED:
            shared.add(page)
        else:
            shared.discard(page)
    assert shared == set()


def test_smaller_and_larger_guests_play_the_demo(perform: Perform) -> None:
    for memory, vcpus in ((4 << 30, 1), (64 << 30, 200)):
        performance = perform("boot-and-storm", memory=memory, vcpus=vcpus)
        assert len(performance.planted("ping-pong")) == 3
