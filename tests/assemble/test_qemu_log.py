"""Trace logs of QEMU: real ones for memslots and forms of lines, written ones for conversions."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from app.model.guest import (
    UNKNOWN_LATENCY,
    Backing,
    Cause,
    Certainty,
    EventKind,
    Outcome,
    PageState,
    To,
)
from collector.importing import format_of
from collector.trace.errors import InputError
from collector.trace.text import _event_lines as event_lines
from tests.assemble.checks import Imports, imported
from tests.assemble.memory_sink import Pages, RecordedVm
from tests.assemble.qemu_lines import FORMS, MIB, SECOND_UA, SET_ATTRIBUTES, START_S, UA, QemuText

REAL = ("qemu/7.2.log", "qemu/7.2.stamped.log", "qemu/11.1.log", "qemu/11.1.stamped.log")
PAGE = 4096
Import = Callable[[QemuText | bytes], Imports]
both_forms = pytest.mark.parametrize("form", FORMS)


@pytest.fixture
def read(tmp_path: Path) -> Import:
    def read(text: QemuText | bytes) -> Imports:
        path = tmp_path / "guest.log"
        path.write_bytes(text if isinstance(text, bytes) else text.text())
        return imported(path)

    return read


def only_vm(run: Imports) -> RecordedVm:
    (vm,) = run.sink.vms
    return vm


def conversions(vm: RecordedVm) -> list[tuple[int, ...]]:
    names = ("gfn", "npages", "to", "outcome")
    return [tuple(int(row[name]) for name in names) for row in vm.conversions]


def pages_of(vm: RecordedVm) -> Pages:
    """The state of each page at the end."""
    pages = Pages(vm.identity.start_state)
    for event in vm.events:
        pages.apply(event)
    return pages


# -- real logs -----------------------------------------------------------------------------------


_SLOT = re.compile(
    r"kvm_set_user_memory (?:AddrSpace#(\d+) )?Slot#(\d+) flags=0x(\w+) gpa=0x(\w+) size=0x(\w+) "
    r"ua=0x(\w+) (?:guest_memfd=-1 guest_memfd_offset=0x0 )?ret=0"
)


def true_memslots(path: Path) -> list[tuple[int, ...]]:
    """(as, slot, flags, gpa, size, ua, line of its birth, line of its end or 0) by brute force."""
    live: dict[tuple[int, int], list[int]] = {}
    all_slots = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = _SLOT.search(line)
        if found is None:
            continue
        place = int(found[1] or int(found[2]) >> 16), int(found[2]) & 0xFFFF
        flags, gpa, size, ua = (int(found[i], 16) for i in range(3, 7))
        if place in live:
            live.pop(place)[7] = number
        if size:
            live[place] = [*place, flags, gpa, size, ua, number, 0]
            all_slots.append(live[place])
    return [tuple(slot) for slot in all_slots]


def recorded_memslots(run: Imports, line_at: Callable[[int], int]) -> list[tuple[int, ...]]:
    return [
        (
            slot.as_id,
            slot.slot,
            slot.flags or 0,
            slot.base_gfn * PAGE,
            slot.npages * PAGE,
            slot.userspace_addr or 0,
            line_at(slot.from_t),
            0 if end is None else line_at(end),
        )
        for slot, end in only_vm(run).memslots
    ]


@pytest.mark.parametrize("name", ["qemu/7.2.log", "qemu/11.1.log"])
def test_memslots_are_those_that_the_lines_tell(recordings: Path, name: str) -> None:
    run = imported(recordings / name)
    assert run.result.damage is None
    assert recorded_memslots(run, lambda t: t // 1000) == true_memslots(recordings / name)
    assert {slot.backing for slot, _ in only_vm(run).memslots} == {Backing.HVA}


@pytest.mark.parametrize("name", ["qemu/7.2.stamped.log", "qemu/11.1.stamped.log"])
def test_times_are_those_of_the_lines(recordings: Path, name: str) -> None:
    run = imported(recordings / name)
    lines = (recordings / name).read_text().splitlines()
    true = true_memslots(recordings / name)
    births = [slot.from_t + run.header.clock_start_ns for slot, _ in only_vm(run).memslots]
    assert [f"{ns // 1000 % 1_000_000:06}" for ns in births] == [
        re.search(r"\.(\d{6})[:Z]", lines[slot[6] - 1])[1]  # type: ignore[index]
        for slot in true
    ]
    assert run.header.clock == "realtime"
    assert run.header.wall_start_ns == run.header.clock_start_ns
    assert 1_795_823_000 < run.header.clock_start_ns / 1e9 < 1_795_825_000


@pytest.mark.parametrize("name", REAL)
def test_format_is_told_by_content(recordings: Path, name: str) -> None:
    assert format_of(recordings / name) == "qemu"
    assert imported(recordings / name).header.source == "qemu"


@pytest.mark.parametrize("name", REAL)
def test_every_line_is_counted(recordings: Path, name: str) -> None:
    coverage = imported(recordings / name).sink.coverage
    text = (recordings / name).read_text()
    counted = coverage["events"] | coverage["unused_events"]
    assert sum(counted.values()) == len(text.splitlines())
    assert counted["kvm_run_exit"] == text.count("kvm_run_exit ")
    assert "kvm_vcpu_ioctl" in coverage["unused_events"]


@pytest.mark.parametrize("name", REAL)
def test_a_vm_whose_creation_is_in_the_log_is_known_from_the_start(
    recordings: Path, name: str
) -> None:
    identity = only_vm(imported(recordings / name)).identity
    assert (identity.created_certainty, identity.start_state) == (Certainty.SEEN, PageState.SHARED)
    assert (identity.vm_type, identity.pid, identity.vm_fd) == (0, None, None)
    assert identity.name == Path(name).stem


def test_a_log_without_times_says_so_and_counts_lines(recordings: Path) -> None:
    run = imported(recordings / "qemu/11.1.log")
    assert (run.header.clock, run.header.clock_start_ns) == ("line number", 0)
    assert run.header.wall_start_ns is None
    assert any("no times" in note for note in run.sink.coverage["notes"])
    stamped = imported(recordings / "qemu/11.1.stamped.log")
    assert not any("no times" in note for note in stamped.sink.coverage["notes"])


# -- conversions: lines by documented formats, see qemu_lines ------------------------------------


@both_forms
def test_conversion_is_applied_when_qemu_goes_on_with_it(read: Import, form: str) -> None:
    log = QemuText(form).start().slot()
    log.fault(MIB, PAGE, private=False).converted(MIB, PAGE, private=False)
    log.hypercall(MIB, 2 * PAGE, private=True).converted(MIB, 2 * PAGE, private=True)
    vm = only_vm(read(log))
    assert conversions(vm) == [
        (0, 4096, To.PRIVATE, Outcome.APPLIED),
        (256, 1, To.SHARED, Outcome.APPLIED),
        (256, 2, To.PRIVATE, Outcome.APPLIED),
    ]
    assert vm.conversions["cause"].tolist() == [Cause.VMM, Cause.IMPLICIT, Cause.EXPLICIT]
    assert vm.conversions["cause_certainty"].tolist() == [Certainty.SEEN] * 3
    assert (vm.conversions["latency_ns"] == UNKNOWN_LATENCY).all()
    kinds = [kind for kind in vm.events["kind"].tolist() if kind != EventKind.CONVERSION]
    assert kinds == [
        EventKind.MEMSLOT,
        EventKind.MEMORY_FAULT,
        EventKind.HYPERCALL,
        EventKind.UNMAP,
    ]
    pages = pages_of(vm)
    assert {pages.at(gfn) for gfn in range(4096)} == {PageState.PRIVATE}


@both_forms
def test_conversion_of_which_nothing_more_is_told_is_unconfirmed(read: Import, form: str) -> None:
    log = QemuText(form).start().slot().convert(MIB, PAGE, private=False)
    log.converted(2 * MIB, PAGE, private=False, tid=4191)
    vm = only_vm(read(log))
    assert conversions(vm)[1:] == [
        (256, 1, To.SHARED, Outcome.UNCONFIRMED),
        (512, 1, To.SHARED, Outcome.APPLIED),
    ]
    pages = pages_of(vm)
    assert [pages.at(gfn) for gfn in (255, 256, 257, 512)] == [
        PageState.PRIVATE,
        PageState.UNKNOWN,
        PageState.PRIVATE,
        PageState.SHARED,
    ]


def test_unconfirmed_conversion_is_in_doubt_from_its_line_on(read: Import) -> None:
    log = QemuText("plain").start().slot().convert(MIB, PAGE, private=False)
    line = len(log.lines)
    for at in range(300):
        log.converted(2 * MIB + at * PAGE, PAGE, private=False)
    unconfirmed = [r for r in only_vm(read(log)).events if r["outcome"] == Outcome.UNCONFIRMED]
    assert [int(row["t"]) for row in unconfirmed] == [1000 * line]


@both_forms
def test_what_is_proved_is_the_latest_request_for_it(read: Import, form: str) -> None:
    log = QemuText(form).start().slot().convert(MIB, PAGE, private=True)
    line = len(log.lines)
    log.fault(MIB, PAGE, private=True).converted(MIB, PAGE, private=True)
    rows = only_vm(read(log)).conversions[1:]
    told = [(int(row["t"]) // 1000, int(row["outcome"]), int(row["cause"])) for row in rows]
    first = line if form == "plain" else line - 1
    assert told == [
        (first, Outcome.UNCONFIRMED, Cause.NONE),
        (first + 4, Outcome.APPLIED, Cause.IMPLICIT),
    ]


@both_forms
def test_discarding_what_became_private_confirms_it(read: Import, form: str) -> None:
    log = QemuText(form).start().slot()
    log.convert(MIB, PAGE, private=True).discarded(UA + MIB, PAGE)
    log.convert(MIB, PAGE, private=True).discarded(UA + MIB, 2 * PAGE)
    outcomes = only_vm(read(log)).conversions["outcome"].tolist()
    assert outcomes == [Outcome.APPLIED, Outcome.APPLIED, Outcome.UNCONFIRMED]


def test_freed_memory_is_an_unmap_of_its_pages(read: Import) -> None:
    log = QemuText().start().slot(gpa=4 * MIB)
    log.discarded(UA + PAGE, 2 * PAGE, name="", ret=0)
    log.lines[-1] = log.lines[-1].replace("__", "_")
    log.discarded(UA, PAGE, ret=-22).discarded(SECOND_UA, PAGE)
    events = only_vm(read(log)).events
    unmaps = events[events["kind"] == EventKind.UNMAP]
    assert [(int(e["gfn"]), int(e["npages"]), int(e["aux"])) for e in unmaps] == [
        (1025, 2, UA + PAGE)
    ]


@pytest.mark.parametrize("form", ["plain", "date"])
def test_conversions_of_several_vcpus_are_told_apart_by_range(read: Import, form: str) -> None:
    """Without threads: what QEMU goes on with is found by its place in the RAM block."""
    log = QemuText(form).start().slot(0, 0, MIB)
    log.slot(1, 16 * MIB, MIB, ua=UA + MIB, offset=MIB)
    log.fault(0, PAGE, private=False).hypercall(16 * MIB, PAGE, private=False)
    log.convert(0, PAGE, private=False).convert(16 * MIB, PAGE, private=False)
    log.convert(2 * PAGE, PAGE, private=False)
    log.changed(MIB, PAGE, private=False).changed(0, PAGE, private=False)
    vm = only_vm(read(log))
    assert sorted(conversions(vm)[2:]) == [
        (0, 1, To.SHARED, Outcome.APPLIED),
        (2, 1, To.SHARED, Outcome.UNCONFIRMED),
        (4096, 1, To.SHARED, Outcome.APPLIED),
    ]
    cause = {int(row["gfn"]): int(row["cause"]) for row in vm.conversions}
    assert (cause[0], cause[4096]) == (Cause.IMPLICIT, Cause.EXPLICIT)
    assert cause[2] == Cause.NONE


def test_threads_that_run_a_vcpu_are_known(read: Import) -> None:
    log = QemuText().start().slot().say("kvm_init_vcpu index: 1 id: 1", 51)
    log.say("kvm_run_exit cpu_index 2, reason 39", 52)
    for tid in (51, 52, 53):
        log.converted(tid * PAGE, PAGE, private=False, tid=tid)
    rows = only_vm(read(log)).conversions[1:]
    assert rows["vcpu"].tolist() == [1, 2, -1]
    assert rows["tid"].tolist() == [51, 52, 53]


def test_what_a_thread_begins_ends_what_it_did_before(read: Import) -> None:
    log = QemuText().start().slot().convert(0, PAGE, private=False, tid=51)
    log.convert(0, PAGE, private=False, tid=52)
    log.convert(PAGE, PAGE, private=False, tid=51).changed(0, PAGE, private=False, tid=51)
    log.changed(0, PAGE, private=False, tid=52)
    rows = only_vm(read(log)).conversions[1:]
    by_thread = [(int(r["tid"]), int(r["gfn"]), int(r["outcome"])) for r in rows]
    assert sorted(by_thread) == [
        (51, 0, Outcome.APPLIED),  # told by the change alone
        (51, 0, Outcome.UNCONFIRMED),
        (51, 1, Outcome.UNCONFIRMED),
        (52, 0, Outcome.APPLIED),
    ]


@both_forms
def test_failure_is_told_by_the_message_of_qemu(read: Import, form: str) -> None:
    log = QemuText(form).start().slot()
    log.convert(MIB, PAGE, private=True)
    message = "qemu-system-x86_64: failed to set memory (0x100000+0x1000) with attr 0x8 error "
    log.lines.append(message + "'Cannot allocate memory'")
    log.convert(PAGE, PAGE, private=False)
    message = "kvm: Convert non guest_memfd backed memory region (0x1000 ,+ 0x1000) to shared"
    log.lines.append("2026-11-22T16:48:31.000009Z " * (form == "date") + message)
    vm = only_vm(read(log))
    assert conversions(vm)[1:] == [
        (256, 1, To.PRIVATE, Outcome.FAILED),
        (1, 1, To.SHARED, Outcome.FAILED),
    ]
    assert vm.conversions["errno"].tolist() == [0, 12, 22]
    assert {pages_of(vm).at(gfn) for gfn in (1, 256)} == {PageState.PRIVATE}


def test_what_has_no_whole_pages_qemu_refuses(read: Import) -> None:
    vm = only_vm(read(QemuText().start().slot().convert(MIB + 1, PAGE, private=False)))
    assert vm.conversions["outcome"].tolist() == [Outcome.APPLIED, Outcome.FAILED]
    assert vm.conversions["address_low"].tolist() == [0, 1]


def test_change_that_no_request_tells_of_is_placed_by_the_memslot(read: Import) -> None:
    log = QemuText().start().slot(0, 16 * MIB, MIB).changed(2 * PAGE, PAGE, private=False)
    vm = only_vm(read(log))
    assert conversions(vm)[1:] == [(4098, 1, To.SHARED, Outcome.APPLIED)]
    assert vm.conversions["range_certainty"].tolist() == [Certainty.INFERRED] * 2


def test_change_in_one_of_several_ram_blocks_may_be_anywhere(read: Import) -> None:
    log = QemuText().start().slot(0, 0, MIB).slot(1, 16 * MIB, MIB, ua=SECOND_UA, memfd=13)
    vm = only_vm(read(log.changed(0, PAGE, private=False)))
    assert int(vm.conversions["range_certainty"][2]) == Certainty.UNKNOWN
    assert pages_of(vm).at(4096) == PageState.UNKNOWN


# -- memslots and the VM -------------------------------------------------------------------------


def test_memory_that_qemu_makes_private_unseen_is_unknown(read: Import) -> None:
    log = QemuText().say("kvm_slots_grow 0 -> 16").slot(is_set_up=False)
    run = read(log.converted(0, PAGE, private=False, tells_call=False))
    vm = only_vm(run)
    assert vm.identity.created_certainty == Certainty.INFERRED
    assert [pages_of(vm).at(gfn) for gfn in (0, 1)] == [PageState.SHARED, PageState.UNKNOWN]
    assert any("as it sets a memslot" in note for note in run.sink.coverage["notes"])


def test_conversion_that_qemu_makes_for_no_known_reason_leaves_all_in_doubt(read: Import) -> None:
    vm = only_vm(read(QemuText().start().slot().say(SET_ATTRIBUTES)))
    assert vm.conversions["outcome"].tolist() == [Outcome.APPLIED, Outcome.UNCONFIRMED]
    assert pages_of(vm).at(0) == PageState.UNKNOWN


def test_set_up_that_is_the_last_line_is_unconfirmed(read: Import) -> None:
    vm = only_vm(read(QemuText().start().slot()))
    assert conversions(vm) == [(0, 4096, To.PRIVATE, Outcome.UNCONFIRMED)]


def test_memslot_with_a_guest_memfd_is_mixed_and_can_be_deleted(read: Import) -> None:
    log = QemuText().start().slot(3, MIB, MIB, memfd=12, offset=PAGE)
    log.slot(4, 2 * MIB, MIB, ret=-17).slot(3, MIB, 0)
    vm = only_vm(read(log))
    ((slot, end),) = vm.memslots
    assert (slot.backing, slot.guest_memfd, slot.guest_memfd_offset) == (Backing.MIXED, 12, PAGE)
    assert end == 6000
    memslots = vm.events[vm.events["kind"] == EventKind.MEMSLOT]
    assert memslots["errno"].tolist() == [0, 17, 0]


def test_vm_that_qemu_creates_anew_is_another_one(read: Import) -> None:
    """QEMU 11 resets confidential guests so."""
    log = QemuText().start().slot().converted(0, PAGE, private=False).convert(0, MIB, private=True)
    log.say("kvm_reset_vmfd ").start().slot().converted(PAGE, PAGE, private=False)
    first, second = read(log).sink.vms
    assert first.ended == (second.identity.created_t, True)
    assert first.conversions["outcome"].tolist()[-1] == Outcome.UNCONFIRMED
    assert (pages_of(first).at(0), pages_of(second).at(0)) == (PageState.UNKNOWN, PageState.PRIVATE)
    assert [vm.identity.name for vm in (first, second)] == ["guest", "guest #2"]
    assert [len(vm.memslots) for vm in (first, second)] == [1, 1]


def test_log_that_begins_later_says_that_it_does(read: Import) -> None:
    run = read(QemuText().slot().converted(0, PAGE, private=False))
    identity = only_vm(run).identity
    assert (identity.created_t, identity.created_certainty) == (None, Certainty.UNKNOWN)
    assert identity.start_state == PageState.UNKNOWN
    assert any("kvm_slots_grow" in gap["costs"] for gap in run.sink.coverage["missing"])


def test_launch_of_an_snp_guest_tells_its_type(read: Import) -> None:
    update = "kvm_sev_snp_launch_update src 0x7f0000000000 gpa 0x1000 len 0x1000 (Normal page)"
    assert only_vm(read(QemuText().slot().say(update))).identity.vm_type == 4


def test_pinned_memory_of_sev_is_shown_at_its_pages(read: Import) -> None:
    log = QemuText().start().slot(0, 16 * MIB, MIB, memfd=-1)
    log.say(f"kvm_memcrypt_register_region addr 0x{UA + PAGE:x} len 0x1000")
    events = only_vm(read(log)).events
    (pinned,) = events[events["kind"] == EventKind.REGISTER_REGION]
    assert (int(pinned["gfn"]), int(pinned["npages"])) == (4097, 1)


# -- what is not as it should be -----------------------------------------------------------------


def damage_of(run: Imports) -> InputError:
    assert run.result.damage is not None
    return run.result.damage


@both_forms
def test_damaged_line_is_a_lost_event_in_its_place(read: Import, form: str) -> None:
    log = QemuText(form).start().slot().converted(0, PAGE, private=False)
    at = len(log.text())
    log.convert(PAGE, PAGE, private=False)
    log.lines[-1] = log.lines[-1].replace("size 0x", "size zz")
    run = read(log.converted(0, PAGE, private=True))
    assert (damage_of(run).offset, damage_of(run).reason) == (
        at,
        "1 lines are damaged, this is the first",
    )
    vm = only_vm(run)
    kinds = vm.events["kind"].tolist()
    lost = kinds.index(EventKind.LOSS_BEGIN)
    assert kinds[lost - 1] == kinds[lost + 2] == EventKind.CONVERSION
    assert run.result.lost_events == 1
    assert [pages_of(vm).at(gfn) for gfn in (0, 1)] == [PageState.PRIVATE, PageState.UNKNOWN]


def test_cut_last_line_is_not_believed(read: Import) -> None:
    log = QemuText().start().slot(memfd=-1)
    text = log.text()
    run = read(text[:-3])
    assert damage_of(run).reason == "the last line is cut off"
    assert damage_of(run).offset == text.rfind(b"\n", 0, -1) + 1
    assert only_vm(run).memslots == []


def test_bytes_that_are_no_text_are_damage(read: Import) -> None:
    text = QemuText().start().slot(memfd=-1).text()
    run = read(text + b"\x00\x01garbage\xff\n" + text)
    assert damage_of(run).offset == len(text)
    assert run.result.lost_events == 1


def test_other_lines_are_counted_and_harmless(read: Import) -> None:
    log = QemuText("plain").start().slot(memfd=-1)
    log.say("qemu-system-x86_64: warning: host doesn't support requested feature")
    log.say("char device redirected to /dev/pts/3").say("").say("0x000fd0a4:  jmp 0xfd0b8")
    log.say("\x1b[2J Booting from ROM...").say("vm_state_notify running 1 reason 9 (running)")
    run = read(log)
    assert run.result.damage is None
    assert run.sink.coverage["unused_events"] == {"other lines": 4, "vm_state_notify": 1}


def test_more_events_than_can_be_told_apart_are_other_lines(read: Import) -> None:
    names = [f"some_event_{number} x" for number in range(3000)]
    log = QemuText("plain").start().slot(memfd=-1)
    for name in names:
        log.say(name)
    run = read(log)
    assert run.result.damage is None
    assert sum(run.sink.coverage["unused_events"].values()) == len(names)


def test_clock_that_steps_back_stands_still(read: Import) -> None:
    log = QemuText().start().slot(memfd=-1)
    log.lines[-1] = log.lines[-1].replace(str(START_S), str(START_S - 2))
    run = read(log)
    ((slot, _),) = only_vm(run).memslots
    assert slot.from_t == 2000
    assert any("stepped back by up to 1,999.99" in note for note in run.sink.coverage["notes"])


def test_older_text_of_memslots_is_read(read: Import) -> None:
    line = "kvm_set_user_memory AddrSpace#1 Slot#7 flags=0x2 gpa=0x1000 size=0x2000 ua=0x7f ret=0"
    ((slot, _),) = only_vm(read(QemuText().say(line))).memslots
    assert (slot.as_id, slot.slot, slot.base_gfn, slot.npages) == (1, 7, 1, 2)


@both_forms
def test_what_is_told_does_not_depend_on_how_it_is_read(
    read: Import, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(3)
    log = QemuText(form).start().slot()
    for _ in range(400):
        tid, gpa, private = dice.randrange(50, 54), dice.randrange(64) * PAGE, dice.random() < 0.5
        for step in (log.fault, log.convert, log.changed):
            if dice.random() < 0.8:
                step(gpa, PAGE, private=private, tid=tid)
    whole = only_vm(read(log)).events
    monkeypatch.setattr(event_lines, "CHUNK_BYTES", 300)
    assert (only_vm(read(log)).events == whole).all()
    assert len(whole) > 500


def test_damage_of_any_kind_is_an_input_error_or_none(recordings: Path, read: Import) -> None:
    text = (recordings / "qemu/7.2.stamped.log").read_bytes()[:12_000]
    text += QemuText().slot().converted(0, PAGE, private=True).text() * 20
    dice = random.Random(7)
    for _ in range(60):
        content = bytearray(text)
        for _ in range(dice.randrange(1, 40)):
            content[dice.randrange(len(content))] = dice.choice(b"\0\n @:.x0f9-/(# \xff")
        read(bytes(content[: dice.randrange(1000, len(content))]))
