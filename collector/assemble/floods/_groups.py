"""Calls by who made them on what, in one compiled pass: few groups stand for floods of calls."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.compiled import constant, hot_in_place, hot_part, mixed, signed, slot_of
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

    `table` is a hash table of group numbers, -1 where free.
    """
    count = 0
    for i in range(calls.size):
        call = calls[i]
        of[i] = -1
        wanted = classes[call.code]
        if wanted == 0:
            continue
        hashed = mixed(signed(call.tid) << 32 ^ signed(call.fd), signed(call.kvm))
        slot = slot_of(is_place, (table, first, calls, classes), table.size, hashed, i)
        if table[slot] < 0:
            if count == first.size:
                return -1
            table[slot], first[count] = count, i
            count += 1
        of[i] = table[slot]
        if call.flags & _RETURNED == 0 or call.ret >= 0:
            accepted[of[i]] = True
    return count


@hot_part
def is_place(
    table: tuple[IndexArray, IndexArray, CallArray, npt.NDArray[np.uint8]], slot: int, i: int
) -> bool:
    """Of call `i`."""
    numbers, first, calls, classes = table
    if numbers[slot] < 0:
        return True
    known, call = calls[first[numbers[slot]]], calls[i]
    return bool(
        known.tid == call.tid
        and known.fd == call.fd
        and known.kvm == call.kvm
        and classes[known.code] == classes[call.code]
    )
