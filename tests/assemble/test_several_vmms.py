"""Several VMMs in one recording: the same fd numbers, other processes, nothing mixed up."""

from pathlib import Path

import numpy as np
import pytest

from app.model.guest import EventKind, PageState
from app.store.protocol import RecordingHeader
from collector.codes import RecordCode
from collector.importing import Imported, import_file
from collector.kvm.uapi import KVM_CREATE_VM, KVM_SET_MEMORY_ATTRIBUTES
from collector.records import RecordArray
from tests.assemble.checks import Imports, check_conversions, check_memslots, check_state
from tests.assemble.conversion_truth import Truth, read_truth
from tests.assemble.memory_sink import Pages, RecordedVm
from tests.assemble.record_streams import (
    EVENT_PROBES,
    assembled,
    mixed,
    moved,
    only,
    record,
    records_of,
)

LATER_NS, OTHER_TIDS = 40_000_000, 1000


def imports_of(records: RecordArray, later_ns: int = 0) -> Imports:
    """With the truth of a workload moved by `later_ns`, its times are compared."""
    sink = assembled(records)
    header = RecordingHeader("", "trace.dat", "", "mono", int(records["ts"][0]) - later_ns)
    return Imports(sink, header, Imported(1, 0, 0, None))


def check_workload(imports: Imports, vms: list[RecordedVm], truth: Truth, tids_by: int) -> None:
    assert len(vms) == len(truth.vms)
    for vm, true in zip(vms, truth.vms, strict=True):
        rows = vm.conversions.copy()
        rows["tid"] -= tids_by
        alike = RecordedVm(vm.identity, [rows], vm.memslots, [], vm.ended)
        check_conversions(imports, alike, true, ranges=True)
        check_state(imports, vm, true, everything_is_known=not vm.identity.may_be_several)
        if vm.memslots:
            whole = RecordedVm(vm.identity, vm.batches, vm.memslots, [], vm.ended)
            check_memslots(imports, whole, true)


@pytest.mark.parametrize("keep", ["everything", "event probes"])
def test_two_vmms_with_probes(recordings: Path, keep: str) -> None:
    records, _ = records_of(recordings / "convwork" / "probes.dat")
    truth = read_truth(recordings / "convwork" / "probes.truth.jsonl")
    if keep == "event probes":
        records = only(records, EVENT_PROBES)
        # Without struct kvm * a second thread cannot be told from the other VMM's: keep one.
        records = records[records["tid"] == records["tid"][0]]
        truth = without_threads(truth)
    second = moved(records, by_ns=LATER_NS, tids_by=OTHER_TIDS, kvm_by=1 << 32)
    together = mixed(records, second)
    by_pid = {vm.identity.pid for vm in imports_of(together).sink.named()}
    assert by_pid == {int(records["tid"][0]), int(records["tid"][0]) + OTHER_TIDS}
    for tids_by, later in ((0, 0), (OTHER_TIDS, LATER_NS)):
        imports = imports_of(together, later)
        pid = int(records["tid"][0]) + tids_by
        vms = [vm for vm in imports.sink.named() if vm.identity.pid == pid]
        check_workload(imports, vms, truth, tids_by)


def without_threads(truth: Truth) -> Truth:
    for vm in truth.vms:
        vm.conversions = [c for c in vm.conversions if c.tid == vm.pid]
    return truth


def test_two_vmms_with_the_attribute_tracepoint_one_after_the_other(recordings: Path) -> None:
    records, _ = records_of(recordings / "tp-convwork" / "lean.dat")
    truth = read_truth(recordings / "tp-convwork" / "lean.truth.jsonl")
    length = int(records["ts"][-1] - records["ts"][0]) + 1_000_000
    together = mixed(records, moved(records, by_ns=length, tids_by=OTHER_TIDS))
    imports = imports_of(together)
    first = [vm for vm in imports.sink.named() if (vm.identity.pid or 0) < OTHER_TIDS]
    check_workload(imports, first, truth, 0)
    assert len(imports.sink.named()) == 2 * len(truth.vms)


def test_thread_that_may_belong_to_two_vmms_makes_both_uncertain() -> None:
    """Two processes have a VM on fd 5; a third thread, of one of them, converts on fd 5."""
    make = [
        record(100 + p, 10 * (p + 1), RecordCode.IOCTL_ENTER, 4, KVM_CREATE_VM, 0) for p in (0, 1)
    ] + [record(200 + p, 10 * (p + 1), RecordCode.IOCTL_EXIT, 5) for p in (0, 1)]
    convert = [
        record(300, 77, RecordCode.IOCTL_ENTER, 5, KVM_SET_MEMORY_ATTRIBUTES, 0),
        record(301, 77, RecordCode.SET_ATTRIBUTES, 16, 32, 8),
        record(310, 77, RecordCode.IOCTL_EXIT, 0),
    ]
    sink = assembled(np.concatenate(make + convert))
    stray = [vm for vm in sink.vms if vm.identity.is_unattributed]
    assert [len(vm.conversions) for vm in stray] == [1]
    for vm in sink.named():
        assert vm.identity.may_be_several
        assert vm.events["kind"].tolist()[-1] == EventKind.DOUBT


def test_thread_that_nobody_saw_is_taken_for_one_of_the_process_that_made_its_vm() -> None:
    make = [
        record(100, 10, RecordCode.IOCTL_ENTER, 4, KVM_CREATE_VM, 0),
        record(110, 10, RecordCode.IOCTL_EXIT, 5),
        record(120, 20, RecordCode.IOCTL_ENTER, 4, KVM_CREATE_VM, 0),
        record(130, 20, RecordCode.IOCTL_EXIT, 6),
    ]
    convert = [
        record(300, 77, RecordCode.IOCTL_ENTER, 6, KVM_SET_MEMORY_ATTRIBUTES, 0),
        record(301, 77, RecordCode.SET_ATTRIBUTES, 16, 32, 8),
        record(310, 77, RecordCode.IOCTL_EXIT, 0),
    ]
    sink = assembled(np.concatenate(make + convert))
    assert [len(vm.conversions) for vm in sink.vms] == [0, 1]
    assert sink.vms[1].identity.pid == 20
    assert [vm.identity.may_be_several for vm in sink.vms] == [False, True]
    pages = Pages(sink.vms[1].identity.start_state)
    for event in sink.vms[1].events:
        pages.apply(event)
    assert set(pages.state.values()) == {PageState.UNKNOWN}


def test_two_vmms_in_one_bpftrace_log(recordings: Path, tmp_path: Path) -> None:
    from tests.assemble.memory_sink import MemorySink

    lines = (recordings / "convwork" / "bpf.txt").read_text().splitlines()
    other = [moved_line(line) for line in lines if line[0].isdigit()]
    path = tmp_path / "two.txt"
    path.write_text("\n".join([*lines, *other]) + "\n")
    truth = read_truth(recordings / "convwork" / "bpf.truth.jsonl")
    sink = MemorySink()
    headers: list[RecordingHeader] = []

    def open_sink(header: RecordingHeader) -> MemorySink:
        headers.append(header)
        return sink

    result = import_file(path, "bpftrace", open_sink)
    assert result.damage is None
    for pid, later in ((229, 0), (229 + OTHER_TIDS, LATER_NS)):
        vms = [vm for vm in sink.named() if vm.identity.pid == pid]
        header = RecordingHeader("", "bpftrace", "", "boot", headers[0].clock_start_ns - later)
        imports = Imports(sink, header, result)
        check_workload(imports, vms, truth, pid - 229)
        assert all(vm.identity.start_state == PageState.SHARED for vm in vms)


def moved_line(line: str) -> str:
    entered, left, tgid, tid, rest = line.split(" ", 4)
    numbers = (int(entered) + LATER_NS, int(left) + LATER_NS)
    threads = (int(tgid) + OTHER_TIDS, int(tid) + OTHER_TIDS)
    return " ".join([*map(str, numbers), *map(str, threads), rest])
