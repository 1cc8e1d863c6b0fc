"""The same run seen by fewer probes: what is left is still true, what is not is unknown."""

from pathlib import Path

import pytest

from app.model.guest import Cause, Certainty, EventKind, Outcome, PageState
from app.store.protocol import RecordingHeader
from collector.codes import RecordCode
from collector.importing import Imported
from collector.records import RecordArray
from tests.assemble.checks import Imports, check_conversions, check_memslots, check_state
from tests.assemble.conversion_truth import TrueVm, Truth, read_truth
from tests.assemble.memory_sink import MemorySink, RecordedVm
from tests.assemble.record_streams import (
    EVENT_PROBES,
    GUEST_EVENTS,
    KPROBES,
    assembled,
    only,
    records_of,
)

SYSCALL_EXITS = {RecordCode.IOCTL_EXIT, RecordCode.FALLOCATE_EXIT}
SUBSETS = {
    "event probes": EVENT_PROBES,
    "event probes and guest events": EVENT_PROBES | GUEST_EVENTS,
    "kprobes": KPROBES,
    "kprobes and guest events": KPROBES | GUEST_EVENTS,
    "all but system call exits": (EVENT_PROBES | KPROBES | GUEST_EVENTS) - SYSCALL_EXITS,
    "kprobes without kvm_vm_ioctl's return": KPROBES - {RecordCode.VM_IOCTL_RETURN},
}
Run = tuple[RecordArray, dict[int, str], Truth]


@pytest.fixture(scope="module")
def run(recordings: Path) -> Run:
    records, names = records_of(recordings / "convwork" / "probes.dat")
    return records, names, read_truth(recordings / "convwork" / "probes.truth.jsonl")


def recorded(run: Run, codes: frozenset[RecordCode], batch: int = 1 << 16) -> Imports:
    records, names, _ = run
    seen = only(records, codes)
    sink = assembled(seen, names, batch=batch)
    header = RecordingHeader("", "trace.dat", "", "mono", int(seen["ts"][0]))
    return Imports(sink, header, Imported(1, 0, 0, None))


def beside(run: Run, sink: MemorySink) -> list[tuple[RecordedVm, TrueVm]]:
    """By first conversion: not every subset tells when a VM was made."""
    vms = [vm for vm in sink.named() if vm.memslots or len(vm.conversions) > 1]
    return list(zip(vms, run[2].vms, strict=True))


@pytest.mark.parametrize("subset", [s for s in SUBSETS if "without" not in s])
def test_conversions_and_memslots_equal_truth(run: Run, subset: str) -> None:
    imports = recorded(run, SUBSETS[subset])
    for vm, true in beside(run, imports.sink):
        check_conversions(imports, vm, true, ranges=True)
        check_memslots(imports, vm, true)


@pytest.mark.parametrize("subset", SUBSETS)
def test_state_is_never_wrong(run: Run, subset: str) -> None:
    imports = recorded(run, SUBSETS[subset])
    for vm, true in beside(run, imports.sink):
        is_known = vm.identity.start_state == PageState.SHARED and not vm.identity.may_be_several
        check_state(imports, vm, true, everything_is_known=is_known)


@pytest.mark.parametrize("subset", ["event probes", "event probes and guest events"])
def test_creation_is_inferred_from_the_fd_that_an_ioctl_returned(run: Run, subset: str) -> None:
    imports = recorded(run, SUBSETS[subset])
    for vm, true in beside(run, imports.sink):
        assert vm.identity.created_certainty == Certainty.INFERRED
        assert vm.identity.created_t is not None
        at = vm.identity.created_t + imports.header.clock_start_ns
        assert 0 <= true.created - at < 10_000_000


def test_start_is_unknown_where_nothing_tells_of_the_creation(run: Run) -> None:
    for vm in recorded(run, KPROBES).sink.vms:
        assert vm.identity.created_certainty == Certainty.UNKNOWN
        assert vm.identity.start_state == PageState.UNKNOWN


def test_cause_does_not_depend_on_when_a_call_is_closed(run: Run) -> None:
    imports = recorded(run, SUBSETS["kprobes and guest events"])
    for vm, true in beside(run, imports.sink):
        whys = [c.why for c in sorted(true.conversions, key=lambda c: c.t1)]
        expected = {"hypercall": Cause.EXPLICIT, "implicit": Cause.IMPLICIT}
        assert vm.conversions["cause"].tolist() == [expected.get(w, Cause.VMM) for w in whys]


def test_a_call_whose_return_is_not_recorded_is_unconfirmed(run: Run) -> None:
    imports = recorded(run, SUBSETS["kprobes without kvm_vm_ioctl's return"])
    rows = imports.sink.named()[0].conversions
    assert (rows["outcome"] == Outcome.UNCONFIRMED).all()


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_borders_of_batches_do_not_matter(run: Run, batch: int) -> None:
    codes = EVENT_PROBES | KPROBES | GUEST_EVENTS
    whole, cut = recorded(run, codes).sink, recorded(run, codes, batch).sink
    assert [vm.identity for vm in whole.vms] == [vm.identity for vm in cut.vms]
    for a, b in zip(whole.vms, cut.vms, strict=True):
        assert a.events.tobytes() == b.events.tobytes()
        assert a.memslots == b.memslots
        assert a.ended == b.ended


def test_punched_holes_are_found_in_the_guest(run: Run) -> None:
    imports = recorded(run, EVENT_PROBES)
    events = imports.sink.named()[0].events
    punches = events[events["kind"] == EventKind.PUNCH_HOLE]
    bound = punches[punches["outcome"] == Outcome.APPLIED]
    assert (bound["range_certainty"] == Certainty.SEEN).all()
    first = bound[0]  # "punch 2M" at offset 0, which slot 1 maps at 256 MiB
    assert (int(first["gfn"]) << 12, int(first["npages"])) == (0x10000000, 512)
