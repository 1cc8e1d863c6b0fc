"""Lines of QEMU logs about guest_memfd, written by the formats in QEMU's trace-events files.

No recording has them: this machine's KVM knows no private memory. What QEMU prints in which order
follows its kvm_convert_memory() and kvm_set_phys_mem() (accel/kvm/kvm-all.c).
"""

from dataclasses import dataclass, field

MIB = 1 << 20
UA = 0x7F00_0000_0000
SECOND_UA = 0x7E00_0000_0000
START_S = 1_795_366_111
FORMS = ("plain", "stamp", "date")
"""By default; -msg timestamp=on up to QEMU 10; the same of QEMU 11."""
SET_ATTRIBUTES = "kvm_vm_ioctl type 0x4020aed2, arg 0x7ffc5a3e18f0"


@dataclass
class QemuText:
    """A log in one of the forms; each line comes a microsecond after the one before."""

    form: str = "stamp"
    lines: list[str] = field(default_factory=list)

    def say(self, text: str, tid: int = 4190) -> "QemuText":
        us = len(self.lines)
        head = {
            "plain": "",
            "stamp": f"{tid}@{START_S}.{us:06}:",
            "date": f"2026-11-22T16:48:31.{us:06}Z ",
        }[self.form]
        self.lines.append(head + text)
        return self

    def text(self) -> bytes:
        return "".join(f"{line}\n" for line in self.lines).encode()

    def start(self) -> "QemuText":
        """A VM, and what tells that all that happens to it is in the log."""
        self.say("kvm_ioctl type 0xae01, arg 0x4")
        return self.say("kvm_vm_ioctl type 0xae03, arg 0x9").say("kvm_slots_grow 0 -> 16")

    def slot(
        self,
        slot: int = 0,
        gpa: int = 0,
        size: int = 16 * MIB,
        *,
        ua: int = UA,
        memfd: int = 12,
        offset: int = 0,
        ret: int = 0,
        is_set_up: bool = True,
        tid: int = 4190,
    ) -> "QemuText":
        flags = 4 if memfd >= 0 else 0
        self.say(
            f"kvm_set_user_memory AddrSpace#0 Slot#{slot} flags=0x{flags:x} gpa=0x{gpa:x} "
            f"size=0x{size:x} ua=0x{ua:x} guest_memfd={memfd} guest_memfd_offset=0x{offset:x} "
            f"ret={ret}",
            tid,
        )
        if is_set_up and memfd >= 0 and size and not ret:
            self.say(SET_ATTRIBUTES, tid)
        return self

    def fault(self, gpa: int, size: int, *, private: bool, tid: int = 4190) -> "QemuText":
        flags = 8 if private else 0
        return self.say(f"kvm_memory_fault start 0x{gpa:x} size 0x{size:x} flags 0x{flags:x}", tid)

    def hypercall(self, gpa: int, size: int, *, private: bool, tid: int = 4190) -> "QemuText":
        attributes = 0x10 if private else 0
        return self.say(
            f"kvm_hc_map_gpa_range gpa 0x{gpa:x} size 0x{size:x} attributes 0x{attributes:x} "
            f"flags 0x0",
            tid,
        )

    def convert(self, gpa: int, size: int, *, private: bool, tid: int = 4190) -> "QemuText":
        how = "shared_to_private" if private else "private_to_shared"
        return self.say(f"kvm_convert_memory start 0x{gpa:x} size 0x{size:x} {how}", tid)

    def changed(
        self, offset: int, size: int, *, private: bool, was: str = "mixture", tid: int = 4190
    ) -> "QemuText":
        to = "discarded" if private else "populated"
        return self.say(
            f"ram_block_attributes_state_change offset 0x{offset:x} size 0x{size:x} from '{was}' "
            f"to '{to}'",
            tid,
        )

    def discarded(
        self, hva: int, size: int, *, ret: int = 0, name: str = "shared", tid: int = 4190
    ) -> "QemuText":
        return self.say(
            f"ram_block_discard_{name}_range pc.ram@0x{hva:x} + 0x{size:x}: madvise: 1 "
            f"fallocate: 0 ret: {ret}",
            tid,
        )

    def converted(
        self, gpa: int, size: int, *, private: bool, tid: int = 4190, tells_call: bool = True
    ) -> "QemuText":
        """All that QEMU prints of a conversion that KVM applied, in the first memslot."""
        self.convert(gpa, size, private=private, tid=tid)
        if tells_call:
            self.say(SET_ATTRIBUTES, tid)
        self.changed(gpa, size, private=private, tid=tid)
        return self.discarded(UA + gpa, size, tid=tid) if private else self
