"""Calls by who made them on what, in one compiled pass: few groups stand for floods of calls."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.compiled import constant, hot_in_place
from collector.assemble.identity import Caller
from collector.codes import SAW_EXIT
from collector.kvm import catalogue
from collector.kvm.catalogue import VmBy
from collector.records import CallArray

IndexArray = npt.NDArray[np.int64]


_CLASSES = np.zeros(256, dtype=np.uint8)
for _call in catalogue.calls().values():
    _CLASSES[_call.code] = _call.vm_by
_BY_NUMBER = list(VmBy)
_FIRST_SLOTS = 1 << 10
_RETURNED = constant(SAW_EXIT)


@dataclass(frozen=True, slots=True)
class Groups:
    """Calls of the same class, thread, fd and struct kvm *."""

    of: IndexArray  # [calls] the group of each call, -1 for those of no class
    first: list[int]  # [groups] the first call of each
    was_accepted: list[bool]  # [groups] KVM took one of its calls, or may have
    class_of: list[VmBy]  # [groups]
    callers: list[Caller]  # [groups]
    processes: list[int]  # [groups] CALL's tgid

    def numbers(self, wanted: VmBy) -> list[int]:
        """The groups of a class."""
        return [g for g, one in enumerate(self.class_of) if one is wanted]

    def members(self, wanted: VmBy) -> Iterator[IndexArray]:
        """The calls of each group of a class, in order."""
        groups = self.numbers(wanted)
        if not groups:
            return
        which = np.flatnonzero(np.isin(self.of, groups))
        order = which[np.argsort(self.of[which], kind="stable")]
        borders = np.flatnonzero(np.diff(self.of[order])) + 1
        yield from np.split(order, borders)


def group(calls: CallArray) -> Groups:
    of = np.empty(len(calls), dtype=np.int64)
    slots = _FIRST_SLOTS
    while True:
        table = np.full(slots, -1, dtype=np.int64)
        first = np.empty(slots // 2, dtype=np.int64)
        accepted = np.zeros(slots // 2, dtype=np.bool_)
        count = number_groups(calls, _CLASSES, table, of, first, accepted)
        if count >= 0:
            break
        slots *= 8
    first = first[:count]
    names = zip(*(calls[name][first].tolist() for name in ("tid", "fd", "kvm")), strict=True)
    return Groups(
        of,
        first.tolist(),
        accepted[:count].tolist(),
        [_BY_NUMBER[one] for one in _CLASSES[calls["code"][first]].tolist()],
        [Caller(*name) for name in names],
        calls["tgid"][first].tolist(),
    )


@hot_in_place
def number_groups(
    calls: CallArray,
    classes: npt.NDArray[np.uint8],
    table: IndexArray,
    of: IndexArray,
    first: IndexArray,
    accepted: npt.NDArray[np.bool_],
) -> int:
    """Fill `of`, `first` and `accepted`; returns how many groups, -1 if there was no room.

    `table` is a hash table of group numbers, -1 where free; its size is a power of two.
    """
    count = 0
    for i in range(calls.size):
        call = calls[i]
        of[i] = -1
        wanted = classes[call.code]
        if wanted == 0:
            continue
        key = (np.int64(call.tid) << 32) ^ np.int64(call.fd) ^ np.int64(call.kvm >> np.uint64(4))
        slot = ((key ^ (key >> 29)) * 0x9E3779B1 >> 7) & (table.size - 1)
        while of[i] < 0:
            found = table[slot]
            if found < 0:
                if count == first.size:
                    return -1
                table[slot], first[count] = count, i
                of[i] = count
                count += 1
                break
            known = calls[first[found]]
            if (
                known.tid == call.tid
                and known.fd == call.fd
                and known.kvm == call.kvm
                and classes[known.code] == wanted
            ):
                of[i] = found
            slot = (slot + 1) & (table.size - 1)
        if call.flags & _RETURNED == 0 or call.ret >= 0:
            accepted[of[i]] = True
    return count
