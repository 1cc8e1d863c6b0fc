"""Trace logs of QEMU's `log` backend: `-trace 'kvm_*' -trace 'ram_block_*' -D FILE`.

One file is one QEMU, and so one VM: the log itself names none.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.model.guest import LINE_NUMBERS, Certainty, PageState, VmIdentity
from collector.coverage import Capability
from collector.description import SourceDescription
from collector.kvm import uapi
from collector.records import RECORD, CallArray, RecordArray
from collector.trace.qemu import QemuCode, QemuLines, QemuPairing, looks_like_qemu_log

_CONVERSIONS = (QemuCode.CONVERT, QemuCode.STATE_CHANGE, QemuCode.SET_ATTRIBUTES)
_ANY_OF: dict[Capability, tuple[QemuCode, ...]] = {
    Capability.CONVERSIONS: _CONVERSIONS,
    Capability.CONVERSION_RANGES: (QemuCode.CONVERT, QemuCode.STATE_CHANGE),
    Capability.CONVERSION_RESULTS: (QemuCode.STATE_CHANGE,),
    Capability.CAUSES: (QemuCode.MEMORY_FAULT, QemuCode.MAP_GPA_RANGE),
    Capability.MEMSLOTS: (QemuCode.SET_USER_MEMORY,),
    Capability.VM_CREATION: (QemuCode.CREATE_VM,),
    Capability.HYPERCALLS: (QemuCode.MAP_GPA_RANGE,),
    Capability.UNMAPS: (QemuCode.DISCARD,),
    Capability.VCPU_THREADS: (QemuCode.RUN_EXIT, QemuCode.INIT_VCPU),
    Capability.REGION_REGISTRATIONS: (QemuCode.REGISTER_REGION, QemuCode.UNREGISTER_REGION),
}
"""An event that is not in a log was not traced, or did not happen: the log does not show which."""

COSTS: dict[str, str] = {
    Capability.CONVERSIONS: (
        "No conversion is in this log: none was made, or kvm_convert_memory (QEMU 9.1) was not"
        " traced."
    ),
    Capability.CONVERSION_RANGES: "",
    Capability.REQUESTED_RANGES: "",
    Capability.CONVERSION_RESULTS: (
        "QEMU prints kvm_convert_memory before it asks KVM. Without"
        " ram_block_attributes_state_change (QEMU 10.1) nothing shows that a conversion to shared"
        " was applied, and only ram_block_discard_shared_range shows it of one to private: the"
        " others are unconfirmed, and their pages unknown from then on."
    ),
    Capability.CAUSES: (
        "Neither kvm_memory_fault nor kvm_hc_map_gpa_range is in this log: why a conversion was"
        " made is not known."
    ),
    Capability.MEMSLOTS: (
        "kvm_set_user_memory is not in this log: the layout of guest memory and its backing are"
        " unknown; only pages that were converted appear."
    ),
    Capability.VM_CREATION: (
        "KVM_CREATE_VM (kvm_ioctl) is not in this log: that it begins with the VM is inferred from"
        " kvm_slots_grow, or not known; then its pages start as unknown."
    ),
    Capability.FD_LIFETIMES: "A QEMU log does not show when its VM ends.",
    Capability.GUEST_MEMFDS: (
        "A QEMU log does not show how a guest_memfd was created: whether it can be mapped is"
        " inferred."
    ),
    Capability.FALLOCATE: (
        "A QEMU log does not show when private memory is freed: which private pages are really"
        " backed is unknown."
    ),
    Capability.HYPERCALLS: (
        "kvm_hc_map_gpa_range is not in this log: the guest's own requests are missing."
    ),
    Capability.PAGE_FAULTS: "Guest page faults, and so accepts, are not in a QEMU log.",
    Capability.UNMAPS: (
        "ram_block_discard_shared_range is not in this log: when QEMU freed shared pages is"
        " missing."
    ),
    Capability.VCPU_THREADS: (
        "Neither kvm_run_exit nor kvm_init_vcpu is in this log: which thread runs which vCPU is not"
        " known."
    ),
    Capability.IN_PLACE_CONVERSIONS: "Conversions in place are not in a QEMU log.",
    Capability.REGION_REGISTRATIONS: (
        "kvm_memcrypt_register_region is not in this log: which memory was pinned for encryption is"
        " missing."
    ),
    Capability.BACKING: "How many private pages are allocated is not in a QEMU log.",
    Capability.PHASE_MARKS: "What a guest writes to ports is not in a QEMU log.",
}

_NO_TIMES = (
    "This log has no times (QEMU prints them with -msg timestamp=on): the order of events is known,"
    " when they were is not. Lines are counted instead; where data has to hold a time, one line is"
    " one microsecond. Rates and durations mean nothing here, and no storm can be found."
)
_NO_THREADS = "The lines of this log name no thread: who made a conversion is not known."
_NO_LATENCY = (
    "How long a conversion took is not in a QEMU log; that it was applied is known from what QEMU"
    " did next, and dated then."
)
_SET_UP = (
    "QEMU makes memory with a guest_memfd private as it sets a memslot. Only kvm_vm_ioctl records"
    " that, and it is not in this log: such pages are unknown until they are converted."
)


def costs_of(counts: npt.NDArray[np.int64]) -> dict[str, str]:
    """Where there is no conversion, nothing is missing of any."""
    if any(counts[code] for code in _CONVERSIONS):
        return COSTS
    return COSTS | dict.fromkeys((Capability.CONVERSION_RESULTS, Capability.CAUSES), "")


def sees_of(counts: npt.NDArray[np.int64]) -> dict[str, bool]:
    """By how many rows of each QemuCode there were."""
    sees = {c.value: any(counts[code] for code in codes) for c, codes in _ANY_OF.items()}
    return sees | {Capability.PROCESS_IDENTITY.value: True}


def notes_of(counts: npt.NDArray[np.int64], lines: QemuLines) -> tuple[str, ...]:
    used, _ = lines.event_counts()
    notes = []
    if not lines.has_times:
        notes.append(_NO_TIMES)
    if lines.stepped_back_ns:
        notes.append(
            f"The wall clock stepped back by up to {lines.stepped_back_ns / 1e6:,.3f} ms: the order"
            " of lines is kept, and time stands still there."
        )
    if not lines.has_threads:
        notes.append(_NO_THREADS)
    if counts[QemuCode.CONVERT]:
        notes.append(_NO_LATENCY)
    if "kvm_vm_ioctl" not in used:
        notes.append(_SET_UP)
    return tuple(notes)


_LOOK_AHEAD_ROWS = 1 << 16
_ALL_COUNTED = 64  # codes


class QemuLog:
    """One log. Looks at its first lines when opened."""

    @staticmethod
    def detects(head: bytes) -> bool:
        return looks_like_qemu_log(head)

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = QemuLines(path)
        self._counts = np.zeros(_ALL_COUNTED, np.int64)
        self._batches = self._lines.batches()
        self._seen_ahead: list[RecordArray] = []
        self._look_ahead()

    @property
    def bytes_read(self) -> int:
        return self._lines.bytes_read

    def describe(self) -> SourceDescription:
        has_times = self._lines.has_times
        start_ns = self._first_ns() if has_times else 0
        return SourceDescription(
            format="qemu",
            clock="realtime" if has_times else LINE_NUMBERS,
            clock_start_ns=start_ns,
            host="",
            kernel_release=None,
            sees=self.sees(),
            notes=notes_of(self._counts, self._lines),
            events_present=tuple(self._lines.event_counts()[0]),
            wall_start_ns=start_ns if has_times else None,
            only_vm=self._identity(start_ns),
            costs=costs_of(self._counts),
        )

    def sees(self) -> dict[str, bool]:
        return sees_of(self._counts)

    def event_counts(self) -> tuple[dict[str, int], dict[str, int]]:
        return self._lines.event_counts()

    def batches(self) -> Iterator[CallArray]:
        """Calls in order of effect time. Raises InputError at the end if lines were damaged."""
        pairing = QemuPairing()
        for rows in chain(self._seen_ahead, self._rest()):
            yield pairing.add(rows)
        yield pairing.finish()
        self._lines.raise_if_damaged()

    def close(self) -> None:
        """Nothing is kept open but what reading it to the end would close."""
        del self._batches

    def _look_ahead(self) -> None:
        for rows in self._rest():
            self._seen_ahead.append(rows)
            if sum(map(len, self._seen_ahead)) >= _LOOK_AHEAD_ROWS:
                break

    def _rest(self) -> Iterator[RecordArray]:
        for rows in self._batches:
            self._counts += np.bincount(rows["code"], minlength=_ALL_COUNTED)
            yield rows

    def _first_ns(self) -> int:
        return next((int(rows["ts"][0]) for rows in self._seen_ahead if len(rows)), 0)

    def _identity(self, start_ns: int) -> VmIdentity:
        """What the log's beginning shows of its VM.

        Created in view, its pages are shared until a conversion is recorded. What QEMU makes
        private as it sets a memslot is recorded by kvm_vm_ioctl alone: without it nothing is known
        at the start.
        """
        rows = self._first_rows()
        first_slot = _first(rows, QemuCode.SET_USER_MEMORY)
        created, grown = _first(rows, QemuCode.CREATE_VM), self._first_growth(rows)
        certainty, t, vm_type = Certainty.UNKNOWN, None, None
        if created is not None and (first_slot is None or created < first_slot):
            certainty, t = Certainty.SEEN, int(rows["ts"][created]) - start_ns
            argument = int(rows["v"][created, 0])
            vm_type = (
                argument if argument < 1 << 32 else None
            )  # an ioctl's argument that is no type
        elif grown is not None and (first_slot is None or grown < first_slot):
            certainty, t = Certainty.INFERRED, int(rows["ts"][grown]) - start_ns
        if vm_type is None and self._counts[QemuCode.SNP_LAUNCH_UPDATE]:
            vm_type = uapi.KVM_X86_SNP_VM
        knows_setup = certainty != Certainty.UNKNOWN and self._has_vm_ioctls()
        return VmIdentity(
            name=self.path.stem,
            pid=None,
            vm_fd=None,
            created_t=t,
            created_certainty=certainty,
            start_state=PageState.SHARED if knows_setup else PageState.UNKNOWN,
            vm_type=vm_type,
        )

    def _first_rows(self) -> RecordArray:
        return np.concatenate(self._seen_ahead) if self._seen_ahead else np.zeros(0, RECORD)

    def _first_growth(self, rows: RecordArray) -> int | None:
        """The row that marks that there were no memslots yet."""
        which = (rows["code"] == QemuCode.SLOTS_GROW) & (rows["v"][:, 0] == 0)
        return int(np.flatnonzero(which)[0]) if which.any() else None

    def _has_vm_ioctls(self) -> bool:
        return "kvm_vm_ioctl" in self._lines.event_counts()[0]


def _first(rows: RecordArray, code: QemuCode) -> int | None:
    which = np.flatnonzero(rows["code"] == code)
    return int(which[0]) if len(which) else None
