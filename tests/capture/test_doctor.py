"""Findings follow from facts; what was left behind is removed, and nothing else."""

import gzip
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from collector.capture.doctor import _examination as examination, host_coverage
from collector.capture.doctor._finding import Finding, Status
from collector.capture.doctor._findings import findings
from collector.capture.doctor._orphans import Orphan, end, orphans
from collector.capture.host_facts import CallerFacts, HostFacts, KvmFacts, gather
from collector.capture.host_facts._kernel import lockdown_of, options_of
from collector.capture.host_facts._kvm import CAPABILITIES
from collector.capture.host_facts._tracing import EVENTS
from collector.capture.host_facts._tree import Tree

ROOT = CallerFacts(0, ("CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE"))


def write(root: Path, path: str, text: str = "") -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A host of Debian's kind, with everything but in-place conversion."""
    config = "CONFIG_KVM=m\nCONFIG_EPROBE_EVENTS=y\nCONFIG_KPROBE_EVENTS=y\nCONFIG_BPF_EVENTS=y\n"
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/config.gz").write_bytes(gzip.compress(config.encode()))
    write(tmp_path, "proc/kcore")
    write(tmp_path, "sys/kernel/btf/vmlinux")
    write(tmp_path, "sys/kernel/security/lockdown", "[none] integrity confidentiality\n")
    write(tmp_path, "sys/module/kvm/parameters/tdp_mmu", "Y\n")
    write(tmp_path, "sys/module/kvm_amd/parameters/sev_snp", "Y\n")
    tracing = tmp_path / "sys/kernel/tracing"
    for name in EVENTS:
        (tracing / "events" / name.replace(":", "/")).mkdir(parents=True)
    for name in ("dynamic_events", "kprobe_events", "buffer_subbuf_size_kb"):
        write(tracing, name)
    write(tracing, "trace_clock", "[local] global mono boot\n")
    (tracing / "instances").mkdir()
    return tmp_path


def facts_of(root: Path) -> HostFacts:
    facts = gather(root)
    everything = dict.fromkeys(CAPABILITIES, 1) | {"VM_TYPES": 0b10001, "GUEST_MEMFD_FLAGS": 3}
    kvm = replace(facts.kvm, capabilities=everything, problem=None)
    return replace(facts, kvm=kvm, caller=ROOT)


def found_in(facts: HostFacts) -> dict[str, Finding]:
    return {finding.subject: finding for finding in findings(facts)}


def test_host_that_has_all_lacks_nothing_of_the_kernel(host: Path) -> None:
    found = found_in(facts_of(host))
    assert found["types of VM"].says == "DEFAULT, SNP"
    assert found["guest_memfd"].says == "yes, also mappable and shared"
    assert found["events"].says == f"{len(EVENTS)} of the {len(EVENTS)} that concern guest memory"
    for subject in ("event probes", "kprobes", "BPF programs at events", "memory attributes"):
        assert found[subject].status is Status.HAS, subject
    assert not any(finding.prevents for finding in found.values())


def test_each_missing_event_comes_with_its_cost(host: Path) -> None:
    (host / "sys/kernel/tracing/events/kvm/kvm_vm_set_mem_attributes").rmdir()
    missing = found_in(facts_of(host))["kvm:kvm_vm_set_mem_attributes"]
    assert (missing.status, missing.prevents) == (Status.LACKS, False)
    assert "the range of a conversion comes from an event probe or bpftrace" in missing.costs


def test_without_system_calls_nothing_can_be_recorded(host: Path) -> None:
    (host / "sys/kernel/tracing/events/syscalls/sys_enter_ioctl").rmdir()
    assert found_in(facts_of(host))["syscalls:sys_enter_ioctl"].prevents


def test_kernel_without_tracing_prevents(tmp_path: Path) -> None:
    write(tmp_path, "sys/module/kvm/parameters/tdp_mmu", "Y")
    found = found_in(facts_of(tmp_path))
    assert found["tracefs"].prevents
    assert "mount -t tracefs" in found["tracefs"].says
    assert found["event probes"].status is Status.UNKNOWN, "no configuration to be read"


def test_host_without_kvm_prevents(tmp_path: Path) -> None:
    assert found_in(gather(tmp_path))["KVM"].prevents


@pytest.mark.parametrize(
    ("parameter", "value", "is_moved"),
    [
        ("vm_memory_attributes", "N", True),
        ("vm_memory_attributes", "Y", False),
        ("gmem_in_place_conversion", "Y", True),
        ("gmem_in_place_conversion", "N", False),
    ],
)
def test_parameter_that_hides_conversions_is_known(
    host: Path, parameter: str, value: str, is_moved: bool
) -> None:
    write(host, f"sys/module/kvm/parameters/{parameter}", f"{value}\n")
    found = found_in(facts_of(host))["conversions by VM"]
    assert (found.status is Status.LACKS) is is_moved
    assert (f"kvm.{parameter}={value}" in found.says) is is_moved


def test_lockdown_for_confidentiality_prevents(host: Path) -> None:
    write(host, "sys/kernel/security/lockdown", "none integrity [confidentiality]\n")
    assert found_in(facts_of(host))["lockdown"].prevents
    write(host, "sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
    assert not found_in(facts_of(host))["lockdown"].prevents


def test_kvm_that_cannot_be_asked_is_unknown(host: Path) -> None:
    facts = facts_of(host)
    kvm = KvmFacts(facts.kvm.modules, {}, None, "/dev/kvm cannot be opened: Permission denied")
    found = found_in(replace(facts, kvm=kvm))["KVM capabilities"]
    assert found.status is Status.UNKNOWN
    assert "Permission denied; as root, or in the group kvm" in found.says


def test_option_that_is_not_mentioned_is_not_built() -> None:
    options = options_of("CONFIG_KVM=m\n# CONFIG_EPROBE_EVENTS is not set\n")
    assert (options["KVM"], options["EPROBE_EVENTS"], options["KPROBES"]) == ("m", "n", "n")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("CONFIG_PROBE_EVENTS=y\n", "CONFIG_PROBE_EVENTS=y"),  # Linux 6.12
        (
            "CONFIG_PROBE_EVENTS=y\n# CONFIG_EPROBE_EVENTS is not set\n",
            "the kernel was built without CONFIG_EPROBE_EVENTS",
        ),
        ("CONFIG_KVM=m\n", "the kernel was built without CONFIG_PROBE_EVENTS"),
    ],
)
def test_event_probes_are_told_by_the_option_that_the_kernel_has(
    host: Path, config: str, says: str
) -> None:
    (host / "proc/config.gz").write_bytes(gzip.compress(config.encode()))
    assert found_in(gather(host))["event probes"].says == says


def test_lockdown_is_the_word_in_brackets() -> None:
    assert lockdown_of("none [integrity] confidentiality") == "integrity"
    assert lockdown_of("none") is None


def test_damaged_configuration_gives_way_to_the_copy_in_boot(host: Path) -> None:
    (host / "proc/config.gz").write_bytes(gzip.compress(b"CONFIG_KVM=y\n" * 99)[:-9])
    release = gather(host).kernel.release
    write(host, f"boot/config-{release}", "CONFIG_KPROBES=y\n")
    kernel = gather(host).kernel
    assert kernel.config is not None
    assert (kernel.config["KPROBES"], kernel.config_from) == ("y", f"/boot/config-{release}")


def test_what_may_not_be_read_is_remembered_not_missing(
    host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracing = "/sys/kernel/tracing"
    names = Tree.names

    def names_for_a_user(tree: Tree, path: str) -> list[str] | None:
        if path != tracing:
            return names(tree, path)
        tree.forbidden.append(path)
        return None

    monkeypatch.setattr(Tree, "names", names_for_a_user)
    facts = facts_of(host)
    assert facts.forbidden == (tracing,)
    found = found_in(facts)["events"]
    assert (found.status, found.says) == (
        Status.UNKNOWN,
        "only root may look into /sys/kernel/tracing",
    )


def test_facts_and_findings_are_kept_as_json(host: Path) -> None:
    kept = host_coverage(facts_of(host))
    assert kept["vm_types"] == ["DEFAULT", "SNP"]
    assert kept["kernel"]["config"]["EPROBE_EVENTS"] == "y"
    assert kept["kvm"]["parameters"] == {"kvm.tdp_mmu": "Y", "kvm_amd.sev_snp": "Y"}
    assert kept["findings"][0]["subject"] == "kernel"


# -- what was left behind ------------------------------------------------------------------------


def process(proc: Path, pid: int, parent: int, *arguments: str) -> None:
    write(proc, f"{pid}/cmdline", "\0".join(arguments))
    write(proc, f"{pid}/stat", f"{pid} (a name) with) S {parent} 1 1 0\n")


def test_only_our_program_without_its_collector_is_an_orphan(tmp_path: Path) -> None:
    ours = 'BEGIN { printf("# gmemscope.bt v2\\n"); }'
    process(tmp_path, 1, 0, "/sbin/init")
    process(tmp_path, 50, 1, "/usr/bin/python3", "-m", "app.cli", "collect")
    process(tmp_path, 60, 50, "/usr/bin/bpftrace", "-e", ours)
    process(tmp_path, 70, 1, "/usr/bin/bpftrace", "-e", ours)
    process(tmp_path, 80, 1, "/usr/bin/bpftrace", "gmemscope.bt")
    process(tmp_path, 90, 1, "/usr/bin/bpftrace", "-e", "BEGIN { }")
    process(tmp_path, 95, 1, "grep", "-e", "# gmemscope.bt")
    assert [orphan.pid for orphan in orphans(tmp_path)] == [70]
    assert str(orphans(tmp_path)[0]) == "bpftrace, process 70, whose collector is gone"


def test_orphan_is_killed() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        end(Orphan(child.pid))
        assert child.wait(10) == -signal.SIGKILL
    end(Orphan(4194305))  # long gone: no complaint


def test_clean_tells_what_it_removed_and_what_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = ["tracing instance a", "event probe b/c"]
    monkeypatch.setattr(examination, "left_behind", lambda root: left)
    (tmp_path / "instances").mkdir()
    stays = ["event probe b/c: Device or resource busy"]
    monkeypatch.setattr(examination, "remove_left_behind", lambda root: stays)
    assert examination.clean(tmp_path, tmp_path) == (["tracing instance a"], stays)


def test_bpftrace_that_refuses_is_told_in_its_own_words(tmp_path: Path) -> None:
    command = tmp_path / "bpftrace"
    command.write_text("#!/bin/sh\necho 'ERROR: kernel lockdown' >&2\nexit 1\n")
    command.chmod(0o755)
    found = examination.try_bpftrace(str(command))
    assert found.status is Status.LACKS
    assert found.says == "bpftrace does not run (ERROR: kernel lockdown)"
    command.write_text("#!/bin/sh\nexit 0\n")
    assert examination.try_bpftrace(str(command)).status is Status.HAS
