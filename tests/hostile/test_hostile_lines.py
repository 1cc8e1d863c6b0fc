"""Numbers that no kernel prints, in the lines of every text that is read."""

from pathlib import Path

import pytest

from tests.hostile.importing import check, imported

LONG = "9" * 5_000
VMM = "7 7 qemu"
CONV = {
    "region_beyond_all": f"1000 2000 {VMM} SET_USER_MEMORY_REGION2 fd=5 slot=0 flags=0x4 gpa=0x0"
    " size=0xfffffffffffff000 hva=0x0 gmem_offset=0x0 gmem_fd=7 ret=0",
    "region_at_the_end": f"1000 2000 {VMM} SET_USER_MEMORY_REGION2 fd=5 slot=0 flags=0x4"
    " gpa=0xffffffffff000 size=0x2000 hva=0x0 gmem_offset=0x0 gmem_fd=7 ret=0",
    "region_of_2e31_pages": f"1000 2000 {VMM} SET_USER_MEMORY_REGION fd=5 slot=0 flags=0x0"
    " gpa=0x0 size=0x80000000000 hva=0x0 ret=0",
    "conversion_that_wraps": f"1000 2000 {VMM} SET_MEMORY_ATTRIBUTES fd=5"
    " address=0xfffffffffffff000 size=0x2000 attributes=0x8 flags=0x0 ret=0",
    "vcpu": f"1000 2000 {VMM} CREATE_VCPU fd=5 vcpu_id=40000 ret=9",
    "memfd": f"1000 2000 {VMM} CREATE_GUEST_MEMFD fd=5 size=0xfffffffffffff000 flags=0x0 ret=9",
    "new_fd": f"1000 2000 {VMM} CREATE_VM fd=3 type=0 ret=99999999999",
    "vm_type": f"1000 2000 {VMM} CREATE_VM fd=3 type=18446744073709551615 ret=6",
    "octal": f"1000 2000 {VMM} CREATE_VM fd=007 type=0 ret=6",
    "long_number": f"1000 2000 {VMM} CREATE_VM fd={LONG} type=0 ret=6",
    "long_time": f"{LONG} {LONG} {VMM} CREATE_VM fd=3 type=0 ret=6",
    "late": f"9223372036854775806 9223372036854775807 {VMM} CREATE_VM fd=3 type=0 ret=6",
    "lost": "Lost 99999999999999999999 events",
    "lost_long": f"Lost {LONG} events",
}
CONV_HEAD = f"# conv.bt v1\n900 950 {VMM} CREATE_VM fd=3 type=0 ret=5\n"
CONV_TAIL = f"3000 4000 {VMM} CREATE_VM fd=3 type=0 ret=8\n"

BPFTRACE = {
    "region": "S 3b9c53b4 1f4 700000007 5 0 0 0 fffffffffffff000 0 0 9",
    "fault_vcpu": "G 3b9c53b4 0 700000007 1e 0 3ad44000 100000000 9000",
    "fault_that_lasts": "H 3b9c53b4 1f4 700000007 1f 0 1e1bb000 4 10",
    "hypercall_of_all": "H 3b9c53b4 0 700000007 1f 0 fffffffffffff000 ffffffffffffffff 10",
    "late": "V 7fffffffffffff00 10 700000007 3 6 0",
    "tick": "T 7fffffffffffffff 1",
    "cpu": "V 3b9c53b4 1f4 700000007 ffffff0000000003 6 0",
    "unmap": "J 3b9c53b4 1 700000007 0 0 fffffffffffff000 ffffffffffffffff",
    "cache": "K 3b9c53b4 1 700000007 0 0 4d fffffffffffffff0 1 3f",
    "exec": "N 3b9c53b4 0 700000007 0 0 ffffffffffffffff ffffffffffffffff",
    "host": "# host \udcff\udcfe \udcff",
    "lost": f"Lost {LONG} events",
    "lost_too_many": "WARNING: Lost 99999999999999999999 events",
    "version": f"# gmemscope.bt v{LONG}",
}
BPFTRACE_HEAD = (
    "# gmemscope.bt v2; times are nsecs of the boot clock\n"
    "# watches conversions memslots vm-creation causes page-faults\n"
    "V 3b9b0f2f 1f4 700000007 3 5 0\nT 3b9b1000 0\n"
)
BPFTRACE_TAIL = "T 3ba00000 0\nV 3ba0f2f0 1f4 700000007 3 8 0\nT 3bb00000 0\n"

REPORT = {
    "dropped_on_no_cpu": "CPU:99999 [LOST 5 EVENTS]",
    "dropped_too_many": "CPU:0 [LOST 99999999999999999999 EVENTS]",
    "dropped_long": f"CPU:{LONG} [LOST {LONG} EVENTS]",
    "perf_lost": f"vmm-7 [000] 1.000001: PERF_RECORD_LOST lost {LONG}",
    "perf_lost_too_many": "vmm-7 [000] 1.000001: PERF_RECORD_LOST lost 99999999999999999999",
    "fault_vcpu": "vmm-7 [000] 1.000001: kvm_page_fault: vcpu 70000 rip 0x0 address"
    " 0x0000000001000000 error_code 0x9",
    "hypercall_of_all": "vmm-7 [000] 1.000001: kvm_hypercall: nr 0xc a0 0xfffffffffffff000"
    " a1 0xffffffffffffffff a2 0x10 a3 0x0",
    "attributes": "vmm-7 [000] 1.000001: kvm_vm_set_mem_attributes: 0xfffffffffffff --"
    " 0xffffffffffffffff [0x8]",
    "task": "vmm-7 [000] 1.000001: task_newtask: pid=99999999999 comm=x clone_flags=0"
    " oom_score_adj=0",
    "tid": "vmm-9999999999 [000] 1.000001: sys_enter_ioctl: fd: 0x5, cmd: 0xae01, arg: 0x0",
    "time": "vmm-7 [000] 8999999999.999999: sys_exit_ioctl: 0x6",
    "time_long": f"vmm-7 [000] {LONG}.{LONG}: sys_exit_ioctl: 0x6",
    "new_vm": "vmm-7 [000] 1.000002: sys_exit_ioctl: 0x7fffffffffffffff",
    "cache": "vmm-7 [000] 1.000001: mm_filemap_add_to_page_cache: dev 0:1 ino 1 pfn=0x1 ofs="
    "18446744073709547520 order=63",
}
REPORT_HEAD = (
    "cpus=2\nvmm-7 [000] 1.000000: sys_enter_ioctl: fd: 0x3, cmd: 0xae01, arg: 0xffffffffffffffff\n"
)
REPORT_TAIL = (
    "vmm-7 [000] 1.000100: sys_exit_ioctl: 0x5\n"
    "vmm-7 [001] 1.000200: sys_enter_ioctl: fd: 0x5, cmd: 0x4020aed2, arg: 0x0\n"
    "vmm-7 [001] 1.000300: sys_exit_ioctl: 0x0\n"
)

QEMU = {
    "slot": "kvm_set_user_memory AddrSpace#0 Slot#0 flags=0x4 gpa=0x0 size=0xfffffffffffff000"
    " ua=0x0 guest_memfd=9 guest_memfd_offset=0x0 ret=0",
    "slot_id": f"kvm_set_user_memory AddrSpace#{LONG} Slot#{LONG} flags=0x4 gpa=0x0 size=0x1000"
    " ua=0x0 guest_memfd=9 guest_memfd_offset=0x0 ret=0",
    "convert": "kvm_convert_memory start 0xfffffffffffff000 size 0xffffffffffffffff"
    " shared_to_private",
    "type": "kvm_ioctl dev fd 3, type 0xae01, arg 0xffffffffffffffff",
    "vcpu": "kvm_init_vcpu index: 70000 id: 70000",
    "state": "ram_block_attributes_state_change block 'x' offset 0xfffffffffffff000 size"
    " 0xffffffffffffffff from 'populated' to 'discarded'",
}
QEMU_HEAD = "kvm_ioctl type 0xae01, arg (nil)\nkvm_slots_grow 0 -> 32\n"
QEMU_TAIL = (
    "kvm_set_user_memory AddrSpace#0 Slot#0 flags=0x4 gpa=0x0 size=0x40000000 ua=0x7f0000000000"
    " guest_memfd=9 guest_memfd_offset=0x0 ret=0\n"
)

TEXTS = {
    "conv": (CONV_HEAD, CONV, CONV_TAIL),
    "bpftrace": (BPFTRACE_HEAD, BPFTRACE, BPFTRACE_TAIL),
    "report": (REPORT_HEAD, REPORT, REPORT_TAIL),
    "qemu": (QEMU_HEAD, QEMU, QEMU_TAIL),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_a_number_that_cannot_be_harms_no_more_than_its_line(tmp_path: Path, kind: str) -> None:
    head, lines, tail = TEXTS[kind]
    files = []
    for name, line in lines.items():
        path = tmp_path / f"{name}.txt"
        path.write_bytes(f"{head}{line}\n{tail}".encode(errors="surrogateescape"))
        files.append(path)
    check(imported(files, tmp_path / "lines.db"))


MUST_BE_TOLD = {
    "conv": set(CONV) - {"conversion_that_wraps"},
    "bpftrace": set(BPFTRACE) - {"hypercall_of_all", "unmap", "host"},
    "report": set(REPORT) - {"hypercall_of_all", "attributes"},
}
"""Where a line is dropped, its file is damaged. A hypercall may name any range: guests do."""


@pytest.mark.parametrize("kind", MUST_BE_TOLD)
def test_a_line_that_cannot_be_read_makes_the_recording_incomplete(
    tmp_path: Path, kind: str
) -> None:
    head, lines, tail = TEXTS[kind]
    for name in MUST_BE_TOLD[kind]:
        (tmp_path / f"{name}.txt").write_text(f"{head}{lines[name]}\n{tail}")
    ended = imported(sorted(tmp_path.glob("*.txt")), tmp_path / "lines.db")
    check(ended)
    told = {line.split(".txt", 1)[0].removeprefix("gmemscope: ") for line in ended.said.split("\n")}
    assert told >= MUST_BE_TOLD[kind], ended.said
