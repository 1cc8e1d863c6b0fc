"""What a scan of this host finds, beside what VMMs hold by their own account."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from collector.capture.inventory import _discovery as discovery, inode_of, scan
from collector.capture.inventory._threads import vcpu_threads
from collector.vm_inventory import FoundPopulation
from tests.capture.hosting import ROOT, found_of, holding_vmm, open_files
from tests.live.collecting import need_kvm


@pytest.fixture(autouse=True)
def _kvm() -> None:
    need_kvm()


def test_vm_is_found_once_with_all_its_descriptors(tmp_path: Path) -> None:
    with holding_vmm(tmp_path, "one") as held:
        (vm,) = found_of(held["pid"])
        assert vm.fds == tuple(held["vm_fds"])
        assert vm.vcpus == {held["vcpus"]["fd"]: held["vcpus"]["id"]}
        assert found_of(held["child"]) == []


def test_process_is_named_for_good(tmp_path: Path) -> None:
    with holding_vmm(tmp_path, "one") as held:
        (vm,) = found_of(held["pid"])
        begun = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - vm.process.start_ns
        assert 0 < begun < 600 * 10**9
        assert vm.process.command == Path(sys.executable).name[:15]
        assert (vm.process.name, vm.process.uuid) == (None, None)


def test_guest_memfds_are_told_apart_by_their_inodes(tmp_path: Path) -> None:
    with holding_vmm(tmp_path, "one") as held:
        (vm,) = found_of(held["pid"])
        mixed, mappable, large = vm.memfds
        assert mixed.fds == tuple(held["mixed_fds"])
        assert mappable.fds == (held["mappable_fd"],)
        assert [memfd.size >> 20 for memfd in vm.memfds] == [4, 2, 1024]
        assert [memfd.can_be_mapped for memfd in vm.memfds] == [False, True, False]
        stat = Path(f"/proc/{held['pid']}/fd/{held['mappable_fd']}").stat()
        assert (mappable.dev, mappable.ino) == (stat.st_dev, stat.st_ino)
        assert large.population == (FoundPopulation(0, 512 * 512, 0),)


def test_inode_is_told_of_guest_memfds_alone(tmp_path: Path) -> None:
    with holding_vmm(tmp_path, "one") as held:
        (vm,) = found_of(held["pid"])
        for memfd in vm.memfds:
            assert inode_of(held["pid"], memfd.fds[0]) == (memfd.dev, memfd.ino)
        assert inode_of(held["pid"], vm.fds[0]) is None
        assert inode_of(held["pid"], 9999) is None


def test_pages_that_exist_are_counted_in_ranges_of_2_mib(tmp_path: Path) -> None:
    with holding_vmm(tmp_path, "one") as held:
        (vm,) = found_of(held["pid"])
        mixed, mappable, _ = vm.memfds
        assert mixed.population == (FoundPopulation(0, 512, 510), FoundPopulation(2 << 20, 512, 0))
        assert mappable.population == (FoundPopulation(0, 512, 512),)


def test_counting_that_would_take_too_long_is_cut_short_and_says_so(tmp_path: Path) -> None:
    with holding_vmm(tmp_path, "one") as held:
        found = scan([held["pid"]], time.CLOCK_BOOTTIME, counting_s=0)
        assert [len(memfd.population) for memfd in found.vms[0].memfds] == [1, 1, 1]
        assert any("would have taken too long" in note for note in found.notes)


def test_thread_that_sleeps_in_a_vcpu_is_known_and_the_worker_of_kvm_is_none(
    tmp_path: Path,
) -> None:
    with holding_vmm(tmp_path, "one") as held:
        (vm,) = found_of(held["pid"])
        assert vm.threads == {held["vcpus"]["tid"]: held["vcpus"]["id"]}


def test_what_belongs_to_one_of_several_vms_is_given_to_none(tmp_path: Path) -> None:
    with holding_vmm(tmp_path, "two") as held:
        found = scan([held["pid"]], time.CLOCK_BOOTTIME)
        assert [vm.fds for vm in found.vms] == [(fd,) for fd in held["vm_fds"]]
        assert [vm.memfds for vm in found.vms] == [(), ()]
        (strays,) = found.strays
        assert [memfd.fds for memfd in strays.memfds] == [(held["memfd"],)]
        (note,) = found.notes
        assert "its 1 guest_memfds, of which 0 pages exist" in note


def test_scan_is_of_one_instant_of_the_clock_asked_for(tmp_path: Path) -> None:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    found = scan([os.getpid()], time.CLOCK_MONOTONIC)
    assert before <= found.clock_ns <= time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    assert found.vms == ()


def test_nothing_of_a_vm_is_held_when_the_scan_is_over(tmp_path: Path) -> None:
    with holding_vmm(tmp_path, "one") as held:
        before = open_files()
        assert found_of(held["pid"])
        assert open_files() == before


def test_vm_that_ends_while_it_is_looked_at_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with holding_vmm(tmp_path, "one") as held:

        def end_it(vcpus: dict[int, dict[int, int]]) -> dict[int, dict[int, int]]:
            held["process"].kill()
            held["process"].wait()
            return vcpu_threads(vcpus)

        monkeypatch.setattr(discovery, "vcpu_threads", end_it)
        assert found_of(held["pid"]) == []


def test_user_who_may_not_look_gets_a_note(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("hardware: only root can become somebody else")
    script = "import os, sys, time\nfrom collector.capture.inventory import scan\n"
    script += "os.setgid(65534); os.setuid(65534)\n"
    script += "found = scan([int(sys.argv[1])], time.CLOCK_BOOTTIME)\n"
    script += "print(len(found.vms), *found.notes)\n"
    with holding_vmm(tmp_path, "one") as held:
        command = [sys.executable, "-c", script, str(held["pid"])]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.stderr == ""
    assert done.stdout.startswith("0 1 processes may not be looked into")
