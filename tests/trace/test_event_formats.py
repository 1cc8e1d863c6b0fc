"""Which events mean what, whatever they are called."""

import pytest

from collector.codes import HAS_GMEM, RecordCode
from collector.trace.ring_buffer import EventFormat, match_formats, parse_event_format
from tests.trace.tracefile import event_format

IP = "unsigned long __probe_ip"
FUNC = "unsigned long __probe_func"
RET_IP = "unsigned long __probe_ret_ip"


def made(full_name: str, *declarations: str) -> EventFormat:
    """An event whose fields are all 8 bytes, one after another."""
    system, name = full_name.split(":")
    fields = [(text, 8 + 8 * i, 8, False) for i, text in enumerate(declarations)]
    return parse_event_format(system, event_format(name, 1000, *fields))


def u64s(names: str) -> list[str]:
    return [f"u64 {name}" for name in names.split()]


def known(event: EventFormat) -> dict[int, str] | None:
    """code and, by index in v, the fields that end up there; None if it is not matched."""
    plans = match_formats([event]).plans
    if not plans:
        return None
    (plan,) = plans
    filled: dict[int, str] = {}
    for value in plan.values:
        word = str(value.constant) if value.field is None else value.field.name
        word += f"<<{value.shift}" if value.shift else ""
        filled[value.index] = "+".join(filter(None, [filled.get(value.index, ""), word]))
    return {-1: RecordCode(plan.code).name, **filled}


@pytest.mark.parametrize(
    ("event", "code", "values"),
    [
        (
            made("syscalls:sys_enter_ioctl", *u64s("__syscall_nr fd cmd arg")),
            "IOCTL_ENTER",
            ["fd", "cmd", "arg"],
        ),
        (made("syscalls:sys_enter_dup", *u64s("__syscall_nr fildes")), "DUP_ENTER", ["fildes"]),
        (made("syscalls:sys_enter_dup3", *u64s("oldfd newfd flags")), "DUP_ENTER", ["oldfd"]),
        (
            made("kvm:kvm_vm_set_mem_attributes", *u64s("start end attr")),
            "SET_ATTRIBUTES",
            ["start", "end", "attr"],
        ),
        (
            made("kvm:kvm_set_vm_mem_attributes", *u64s("start end attr")),
            "SET_ATTRIBUTES",
            ["start", "end", "attr"],
        ),
        (
            made("kvm:kvm_vm_set_mem_attributes", *u64s("start cnt attributes")),
            "SET_ATTRIBUTES",
            ["start", "start+cnt", "attributes"],
        ),
        (
            made("filemap:mm_filemap_add_to_page_cache", *u64s("pfn i_ino index s_dev order")),
            "PAGE_CACHE_ADD",
            ["pfn", "i_ino", "index", "s_dev", "order"],
        ),
        (
            made("filemap:mm_filemap_delete_from_page_cache", *u64s("pfn i_ino index s_dev")),
            "PAGE_CACHE_DELETE",
            ["pfn", "i_ino", "index", "s_dev", "0"],
        ),
        (
            made("kvm:kvm_page_fault", *u64s("guest_rip fault_address error_code")),
            "PAGE_FAULT",
            ["-1", "guest_rip", "fault_address", "error_code"],
        ),
        (
            made("sched:sched_process_exit", "char comm[16]", *u64s("pid prio")),
            "PROCESS_EXIT",
            ["pid", "-1"],
        ),
        (
            made("sched:sched_process_exit", "char comm[16]", *u64s("pid prio group_dead")),
            "PROCESS_EXIT",
            ["pid", "group_dead"],
        ),
        (
            made("my:x1", *u64s("fd address size attributes flags")),
            "USER_SET_ATTRIBUTES",
            ["fd", "address", "size", "attributes", "flags", "0"],
        ),
        (
            made("my:x2", *u64s("size attributes address fd")),
            "USER_SET_ATTRIBUTES",
            ["fd", "address", "size", "attributes", "0", "0"],
        ),
        (
            made("eprobes:y", *u64s("fd slot flags gpa size hva")),
            "USER_REGION",
            ["fd", "slot+flags<<32", "gpa", "size", "hva"],
        ),
        (
            made(
                "eprobes:y",
                *u64s("fd slot flags guest_phys_addr memory_size userspace_addr"),
                *u64s("guest_memfd_offset guest_memfd"),
            ),
            "USER_REGION",
            [
                "fd",
                "slot+flags<<32",
                "guest_phys_addr",
                "memory_size",
                "userspace_addr",
                "guest_memfd_offset",
                "guest_memfd",
            ],
        ),
        (made("a:b", *u64s("fd size gflags")), "USER_GUEST_MEMFD", ["fd", "size", "gflags"]),
        (made("a:b", *u64s("fd size flags")), "USER_GUEST_MEMFD", ["fd", "size", "flags"]),
        (made("a:b", *u64s("fd addr size")), "USER_ENC_REGION", ["fd", "addr", "size", "0"]),
        (made("a:b", *u64s("fd addr size cmd")), "USER_ENC_REGION", ["fd", "addr", "size", "cmd"]),
        (made("a:b", *u64s("fd mode off len")), "FALLOCATE_ENTER", ["fd", "mode", "off", "len"]),
        (
            made("a:b", *u64s("fd mode offset len")),
            "FALLOCATE_ENTER",
            ["fd", "mode", "offset", "len"],
        ),
        (
            made("kprobes:p", IP, *u64s("kvm cmd f0 f1 f2 f3 f4 f5")),
            "VM_IOCTL",
            ["kvm", "cmd", "f0", "f1", "f2", "f3", "f4", "f5"],
        ),
        (
            made("kprobes:p", IP, *u64s("cmd f0 f1 f2 f3 f4 f5")),
            "VM_IOCTL",
            ["0", "cmd", "f0", "f1", "f2", "f3", "f4", "f5"],
        ),
        (
            made("kprobes:p", IP, *u64s("kvm slot flags gpa size hva gmem_off gmem_fd")),
            "SET_MEMSLOT",
            ["kvm", "slot+flags<<32", "gpa", "size", "hva", "gmem_off", "gmem_fd"],
        ),
        (
            made("kprobes:p", IP, *u64s("kvm slot_id start end attr")),
            "POST_ATTRIBUTES",
            ["kvm", "slot_id", "start", "end", "attr"],
        ),
        (
            made("kprobes:p", IP, *u64s("kvm start end attr")),
            "POST_ATTRIBUTES",
            ["kvm", "-1", "start", "end", "attr"],
        ),
        (
            made("kprobes:p", IP, *u64s("file mode off len")),
            "GMEM_FALLOCATE",
            ["file", "mode", "off", "len"],
        ),
        (made("kprobes:p", IP, *u64s("kvm size gflags")), "GMEM_CREATE", ["kvm", "size", "gflags"]),
    ],
)
def test_event_is_known(event: EventFormat, code: str, values: list[str]) -> None:
    assert known(event) == {-1: code, **dict(enumerate(values))}


@pytest.mark.parametrize(
    "event",
    [
        made("kvm:kvm_unmap_hva_range_other", *u64s("start end")),
        made("kvm:kvm_hypercall", *u64s("nr a0 a1")),
        made("other:start_end", *u64s("start end attr")),
        made("x:few", *u64s("fd address size")),
        made("x:more", *u64s("fd address size attributes flags and more")),
        made("net:netif_rx_exit", "int ret"),
        made("x:tracepoint", "int fd", "int mode", "loff_t off", "loff_t len"),
        made("x:dynamic", "__data_loc char[] fd", *u64s("mode off len")),
        made("kprobes:p", IP, *u64s("fd address size attributes")),
        made("kprobes:r", FUNC, RET_IP, *u64s("kvm size gflags")),
    ],
)
def test_event_of_another_shape_is_not(event: EventFormat) -> None:
    assert known(event) is None
    assert match_formats([event]).returns == []


def test_descriptor_that_a_system_call_keeps_in_eight_bytes_is_an_int() -> None:
    (plan,) = match_formats([made("syscalls:sys_enter_ioctl", *u64s("fd cmd arg"))]).plans
    assert [(v.field.size, v.field.is_signed) for v in plan.values if v.field is not None] == [
        (4, True),
        (8, False),
        (8, False),
    ]


def test_fcntl_is_a_dup_only_where_a_filter_left_nothing_else() -> None:
    event = made("syscalls:sys_enter_fcntl", "unsigned int fd", "unsigned int cmd")
    assert known(event) is None
    (plan,) = match_formats([event], is_filtered=True).plans
    assert plan.code == RecordCode.DUP_ENTER


def test_gmem_fields_are_told_by_a_flag() -> None:
    with_gmem = made("a:b", *u64s("fd slot flags gpa size hva gmem_off gmem_fd"))
    without = made("a:b", *u64s("fd slot flags gpa size hva"))
    assert [plan.flags for plan in match_formats([with_gmem, without]).plans] == [HAS_GMEM, 0]


def test_probes_that_tell_only_a_result_are_set_aside() -> None:
    kretprobe = made("kprobes:r", FUNC, RET_IP, "s64 ret")
    kretprobe_fd = made("kprobes:r", FUNC, RET_IP, "s32 fd")
    on_exit = made("eprobes:e", "s64 ret")
    matched = match_formats([kretprobe, kretprobe_fd, on_exit, made("eprobes:f", "s32 fd")])
    assert matched.plans == []
    assert [probe.event for probe in matched.returns] == [kretprobe, kretprobe_fd, on_exit]
    assert [probe.function is None for probe in matched.returns] == [False, False, True]


@pytest.mark.parametrize("text", ["", "name: x\n", "ID: 4\n", "name: x\nID: 70000\nformat:\n"])
def test_format_without_a_name_or_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="event format"):
        parse_event_format("kvm", text)
