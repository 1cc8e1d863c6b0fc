"""Trace logs of QEMU's `log` backend: `-trace 'kvm_*' -trace 'ram_block_*' -D FILE`.

One file is one QEMU, and so one VM: the log itself names none.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from app.model.guest import LINE_NUMBERS, Certainty, PageState, VmIdentity
from collector.description import SourceDescription
from collector.importing._qemu_coverage import costs_of, notes_of, sees_of
from collector.kvm import uapi
from collector.records import RECORD, CallArray, RecordArray
from collector.trace.qemu import QemuCode, QemuLines, QemuPairing, looks_like_qemu_log

_LOOK_AHEAD_ROWS = 1 << 16
_ALL_COUNTED = 64  # codes


class QemuLog:
    """One log. Looks at its first lines when opened."""

    @staticmethod
    def recognises(head: bytes) -> bool:
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
