"""VMs that were found after a recording began are there from its start, as far as calls allow."""

import time
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from app.store.database import open_database
from app.store.read import Reader
from app.store.write import RecordingWriter
from collector.capture.agent import Context, _lead as lead_module, collect
from collector.capture.agent._lead import Lead
from collector.codes import CallCode
from collector.records import CallArray
from collector.vm_inventory import (
    FoundMemfd,
    FoundMemslot,
    FoundPopulation,
    FoundVm,
    Inventory,
    VmmFacts,
)
from tests.capture.live_double import (
    START_NS,
    TID,
    VM_FD,
    LiveDouble,
    call,
    conversion,
    created_vm,
    loss,
)

FOUND_AT = 1000
MEMFD = FoundMemfd((7,), 1, 2, 8192, population=(FoundPopulation(0, 2, 2),))
MEMSLOT = FoundMemslot(0, 2, slot=0, flags=0)


def found(*, began_ns: int = 0) -> Inventory:
    facts = VmmFacts(TID, began_ns, "vmm", "guest")
    vm = FoundVm(facts, (VM_FD,), {}, (MEMFD,), (MEMSLOT,))
    return Inventory(START_NS + FOUND_AT, (vm,))


def at_start(calls: CallArray, inventory: Inventory) -> tuple[FoundVm, ...]:
    lead = Lead(inventory, START_NS)
    assert not lead.hold(calls, START_NS + FOUND_AT)
    early, released = lead.release()
    assert (released == calls).all()
    assert early is not None
    assert early.clock_ns == START_NS
    return early.vms


def test_what_no_call_made_was_there_from_the_start_but_not_what_was_counted() -> None:
    (vm,) = at_start(conversion(10, 1), found())
    assert (vm.fds, vm.memslots, vm.memfds[0].population) == ((VM_FD,), (MEMSLOT,), ())


@pytest.mark.parametrize("code", [CallCode.CREATE_VM, CallCode.PROCESS_EXEC])
def test_a_vm_of_a_process_that_made_one_is_not_taken_to_be_older(code: CallCode) -> None:
    assert at_start(call(code, 10), found()) == ()
    assert len(at_start(call(code, FOUND_AT + 10), found())) == 1


def test_a_process_that_began_later_had_no_vm_at_the_start() -> None:
    began_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) + 10**9
    assert at_start(conversion(10, 1), found(began_ns=began_ns)) == ()


@pytest.mark.parametrize("calls", [call(CallCode.SET_REGION, 10), loss(10, 20, 3)])
def test_memory_that_may_have_changed_is_known_from_when_it_was_found(calls: CallArray) -> None:
    (vm,) = at_start(calls, found())
    assert (vm.fds, vm.memslots, vm.memfds) == ((VM_FD,), (), ())


def test_more_calls_than_may_be_held_are_released(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lead_module, "MOST_CALLS", 2)
    lead = Lead(found(), START_NS)
    assert lead.hold(np.repeat(conversion(10, 1), 2), START_NS + 10)
    assert not lead.hold(conversion(20, 1), START_NS + 20)
    early, calls = lead.release()
    assert (early, len(calls)) == (None, 3)


def recorded(path: Path, batches: list[tuple[CallArray, int]]) -> list[tuple[str, int]]:
    engine = open_database(path)
    context = Context(found(), has_lead=True)

    collect(
        LiveDouble(batches),
        lambda header: RecordingWriter(engine, header),
        Event(),
        context,
    )
    vms = [(vm.name, vm.requested) for vm in Reader(engine).vms()]
    engine.dispose()
    return vms


@pytest.mark.parametrize("is_found_meanwhile", [True, False])
def test_calls_before_it_was_found_are_that_vms(tmp_path: Path, is_found_meanwhile: bool) -> None:
    batches = [(conversion(10, 1), 500)]
    if is_found_meanwhile:
        batches.append((conversion(FOUND_AT + 10, 2), FOUND_AT + 500))
    ((name, requested),) = recorded(tmp_path / "live.db", batches)
    assert (name, requested) == ("guest", len(batches))


def test_a_vm_that_is_made_before_it_is_found_is_one(tmp_path: Path) -> None:
    calls = np.concatenate((created_vm(10), conversion(20, 1)))
    ((name, requested),) = recorded(tmp_path / "live.db", [(calls, FOUND_AT + 500)])
    assert (name, requested) == ("guest", 1)
