"""KVM_MEMORY_ENCRYPT_REG_REGION: pins the VMM's memory, or converts the guest's."""

from pathlib import Path

import numpy as np

from app.model.guest import Cause, Certainty, EventKind, Outcome, To
from collector.codes import SAW_ENTER, SAW_EXIT, CallCode, RecordCode
from collector.kvm import uapi
from collector.records import CallArray
from tests.assemble.checks import imported
from tests.assemble.live_calls import (
    HVA,
    VM_FD,
    Live,
    call,
    create_memfd,
    create_vm,
    ranges,
    region,
)
from tests.assemble.record_streams import assembled, record

MIB, ENOMEM = 1 << 20, 12
OTHER_HVA = 0x7E00_0000_0000
LAYOUT = (
    create_vm(1),
    region(2, 0, 16 * MIB, MIB),
    region(3, 1, 64 * MIB, MIB, hva=OTHER_HVA),
)


def register(ts: int, addr: int, size: int, *, ret: int = 0) -> CallArray:
    return call(ts, CallCode.REGISTER_REGION, VM_FD, addr, size, ret=ret)


def unregister(ts: int, addr: int, size: int) -> CallArray:
    return call(ts, CallCode.UNREGISTER_REGION, VM_FD, addr, size)


def test_hva_that_is_pinned_is_shown_at_its_gfns_and_is_no_conversion() -> None:
    run = Live().tell(*LAYOUT, register(10, HVA + 0x2000, 0x3000), unregister(20, OTHER_HVA, MIB))
    events = run.of_kind(EventKind.REGISTER_REGION, EventKind.UNREGISTER_REGION)
    assert ranges(events) == [(10, 0x1002, 3), (20, 0x4000, 256)]
    assert events["aux"].tolist() == [HVA + 0x2000, OTHER_HVA]
    assert events["range_certainty"].tolist() == [Certainty.INFERRED] * 2
    assert len(run.vm.conversions) == 0


def test_memory_that_two_memslots_map_is_pinned_in_both() -> None:
    twice = region(4, 2, 128 * MIB, MIB)
    run = Live().tell(*LAYOUT, twice, register(10, HVA, 0x1000))
    assert ranges(run.of_kind(EventKind.REGISTER_REGION)) == [(10, 0x1000, 1), (10, 0x8000, 1)]


def test_memory_outside_of_all_memslots_has_no_gfn() -> None:
    run = Live().tell(*LAYOUT, register(10, HVA + 64 * MIB, 0x1000, ret=-ENOMEM))
    (event,) = run.of_kind(EventKind.REGISTER_REGION)
    assert (event["range_certainty"], event["aux"], event["errno"], event["outcome"]) == (
        Certainty.UNKNOWN,
        HVA + 64 * MIB,
        ENOMEM,
        Outcome.FAILED,
    )


def test_address_in_the_gpas_alone_is_a_conversion_of_the_2022_series() -> None:
    run = Live().tell(*LAYOUT, register(10, 16 * MIB, 0x2000), unregister(20, 16 * MIB, 0x1000))
    conversions = run.vm.conversions
    assert ranges(conversions) == [(10, 0x1000, 2), (20, 0x1000, 1)]
    assert conversions["to"].tolist() == [To.PRIVATE, To.SHARED]
    assert conversions["aux"].tolist() == [8, 0]
    assert conversions["range_certainty"].tolist() == [Certainty.SEEN] * 2


def test_memslot_with_the_2022_flag_tells_the_dialect_before_any_address_does() -> None:
    private = region(4, 2, 128 * MIB, MIB, hva=0x7D00_0000_0000, kvm_mem_private=True)
    run = Live().tell(create_vm(1), private, register(10, 1 << 40, 0x1000))
    assert ranges(run.vm.conversions) == [(10, 1 << 28, 1)]


def test_dialect_once_known_is_that_of_the_vm_and_not_of_others() -> None:
    other = call(5, CallCode.CREATE_VM, 3, 0, ret=20, tid=90, pid=90)
    pinned = call(20, CallCode.REGISTER_REGION, 20, 16 * MIB, 0x1000, tid=90, pid=90)
    run = Live().tell(*LAYOUT, other, register(10, 16 * MIB, 0x2000), pinned)
    first, second = run.sink.named()
    assert len(first.conversions) == 1
    assert second.events["kind"].tolist() == [EventKind.REGISTER_REGION]
    assert second.events["range_certainty"].tolist() == [Certainty.UNKNOWN]


def test_cause_is_that_of_a_conversion_only() -> None:
    def caused(one: CallArray) -> CallArray:
        one["cause"], one["cause_certainty"] = Cause.EXPLICIT, Certainty.SEEN
        return one

    pinned = Live().tell(*LAYOUT, caused(register(10, HVA, 0x1000)))
    assert pinned.of_kind(EventKind.REGISTER_REGION)["cause"].tolist() == [Cause.NONE]
    converted = Live().tell(*LAYOUT, caused(register(10, 16 * MIB, 0x1000)))
    assert converted.vm.conversions["cause"].tolist() == [Cause.EXPLICIT]


def test_unread_struct_of_a_conversion_leaves_everything_in_doubt() -> None:
    unread = call(20, CallCode.REGISTER_REGION, VM_FD, flags=SAW_ENTER | SAW_EXIT)
    run = Live().tell(*LAYOUT, register(10, 16 * MIB, 0x1000), unread)
    assert run.vm.conversions["range_certainty"].tolist() == [Certainty.SEEN, Certainty.UNKNOWN]


def test_memfd_of_today_is_no_sign_of_the_2022_series() -> None:
    run = Live().tell(
        create_vm(1),
        create_memfd(2, MIB),
        region(3, 0, 16 * MIB, MIB, memfd=12),
        register(10, HVA, 0x1000),
    )
    assert len(run.of_kind(EventKind.REGISTER_REGION)) == 1


def test_recording_says_which_dialect_it_speaks() -> None:
    def notes(*calls: CallArray) -> tuple[str, ...]:
        return Live().tell(*LAYOUT, *calls).assembler.notes

    assert notes() == ()
    (converts,) = notes(register(10, 16 * MIB, 0x2000))
    assert "takes guest addresses here" in converts
    (pins,) = notes(register(10, HVA, 0x2000))
    assert "the VMM's own addresses here" in pins


HEAD = "cpus=1\n"
TEXT = {
    "enter": "sys_enter_ioctl: fd: 0x{fd:08x}, cmd: 0x{cmd:08x}, arg: 0x7ffd0000",
    "set_region": "fd=9 slot=0x0 flags=0x0 gpa=0x1000000 size=0x100000 hva=0x7f0000000000",
    "enc_region": "fd=9 addr=0x{addr:x} size=0x1000 cmd=0x{cmd:x}",
    "leave": "sys_exit_ioctl: 0x{ret:x}",
}
CREATE_VM, SET_REGION = uapi.KVM_CREATE_VM, uapi.KVM_SET_USER_MEMORY_REGION
REGISTER = uapi.KVM_MEMORY_ENCRYPT_REG_REGION
UNREGISTER = uapi.KVM_MEMORY_ENCRYPT_UNREG_REGION


def text_of(*addresses: int) -> str:
    """A report of trace-cmd: a VM of one memslot, its event probes read what the ioctls carry."""
    lines: list[str] = []

    def say(text: str) -> None:
        lines.append(f"             vmm-7     [000]     1.{len(lines):06}: {text}\n")

    def call(cmd: int, probe: str | None, ret: int = 0, *, fd: int = 9, addr: int = 0) -> None:
        say(TEXT["enter"].format(fd=fd, cmd=cmd))
        if probe is not None:
            say(f"{probe}: " + TEXT[probe].format(addr=addr, cmd=cmd))
        say(TEXT["leave"].format(ret=ret))

    call(CREATE_VM, None, 9, fd=3)
    call(SET_REGION, "set_region")
    for addr in addresses:
        call(REGISTER, "enc_region", addr=addr)
        call(UNREGISTER, "enc_region", addr=addr)
    return HEAD + "".join(lines)


def test_text_of_event_probes_carries_both_dialects(tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    path.write_text(text_of(HVA + 0x2000))
    run = imported(path)
    kinds = [EventKind.MEMSLOT, EventKind.REGISTER_REGION, EventKind.UNREGISTER_REGION]
    assert run.sink.named()[0].events["kind"].tolist() == kinds
    assert any("it pins memory" in note for note in run.sink.coverage["notes"])
    path.write_text(text_of(16 * MIB))
    run = imported(path)
    conversions = run.sink.named()[0].conversions
    assert [(int(row["gfn"]), int(row["to"])) for row in conversions] == [
        (0x1000, To.PRIVATE),
        (0x1000, To.SHARED),
    ]
    assert any("is the conversion itself" in note for note in run.sink.coverage["notes"])
    assert run.sink.coverage["sees"]["region-registrations"]


def test_kprobe_carries_the_dialect(tmp_path: Path) -> None:
    kvm = 0xFFFF888000000000
    region_v = (0, 16 * MIB, MIB, HVA)
    run = assembled(
        np.concatenate(
            (
                record(1, 7, RecordCode.VM_IOCTL, kvm, SET_REGION, *region_v),
                record(2, 7, RecordCode.VM_IOCTL_RETURN, 0),
                record(3, 7, RecordCode.VM_IOCTL, kvm, REGISTER, 16 * MIB, 0x1000),
                record(4, 7, RecordCode.VM_IOCTL_RETURN, 0),
            )
        )
    )
    (row,) = run.named()[0].conversions
    assert (int(row["gfn"]), int(row["to"]), int(row["outcome"])) == (0x1000, To.PRIVATE, 0)
