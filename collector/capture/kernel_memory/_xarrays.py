"""All entries of an XArray, a node of 64 slots at a time (include/linux/xarray.h).

A large guest has millions of entries: asking for each of them would take minutes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

from collector.capture.kernel_memory._program import Program

Read = Callable[[int, int], bytes]
"""(address, size) -> memory."""

NODES_AT_ONCE = 1024
_TAG, _VALUE, _INTERNAL = 3, 1, 2
_LEAST_NODE = 4096
"""Internal entries below are markers: siblings, XA_RETRY_ENTRY, XA_ZERO_ENTRY."""
_ZERO_ENTRY = 257 << 2 | _INTERNAL
"""A place that is reserved: it reads as empty."""


class TornError(Exception):
    """The tree changed while it was read."""


@dataclass(frozen=True, slots=True)
class NodeLayout:
    """Offsets in struct xa_node, in bytes."""

    shift: int
    array: int
    slots: int
    fanout: int

    @classmethod
    def of(cls, program: Program) -> Self:
        import drgn

        node = program.type("struct xa_node")
        shift, array, slots = (drgn.offsetof(node, name) for name in ("shift", "array", "slots"))
        fanout = next(member.type.length for member in node.members if member.name == "slots")
        return cls(shift, array, slots, fanout)

    @property
    def bits(self) -> int:
        return self.fanout.bit_length() - 1


Entries = tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]
"""Ascending indices, and their values."""


@dataclass(slots=True)
class Walk:
    """One pass over the XArray at `address`. Raises TornError, and whatever `read` raises."""

    read: Read
    layout: NodeLayout
    address: int
    _bases: list[int] = field(default_factory=list)
    _leaves: list[bytes] = field(default_factory=list)

    def values(self, head: int) -> Iterator[Entries]:
        """All value entries (xa_mk_value) in order; `head` is the array's xa_head."""
        if head & _TAG == _INTERNAL and head > _LEAST_NODE:
            yield from self._node(head - _INTERNAL, 0, None)
            yield from self._flush()
        elif head & _VALUE:
            yield np.zeros(1, np.uint64), np.array([head >> 1], np.uint64)

    def _node(self, address: int, base: int, shift: int | None) -> Iterator[Entries]:
        raw = self.read(address, self.layout.slots + 8 * self.layout.fanout)
        node_shift = raw[self.layout.shift]
        owner = int.from_bytes(raw[self.layout.array : self.layout.array + 8], "little")
        if owner != self.address or (shift is not None and node_shift != shift):
            raise TornError
        if node_shift == 0:
            self._bases.append(base)
            self._leaves.append(raw[self.layout.slots :])
            if len(self._leaves) == NODES_AT_ONCE:
                yield from self._flush()
            return
        for number, entry in enumerate(self._slots(raw).tolist()):
            if entry & _TAG == _INTERNAL and entry > _LEAST_NODE:
                child = base + (number << node_shift)
                yield from self._node(entry - _INTERNAL, child, node_shift - self.layout.bits)
            elif entry not in (0, _ZERO_ENTRY):
                raise TornError  # KVM stores each index on its own (kvm_vm_set_mem_attributes)

    def _slots(self, raw: bytes) -> npt.NDArray[np.uint64]:
        return np.frombuffer(raw, np.uint64, self.layout.fanout, self.layout.slots)

    def _flush(self) -> Iterator[Entries]:
        if not self._leaves:
            return
        slots = np.frombuffer(b"".join(self._leaves), np.uint64)
        is_marker = (slots & np.uint64(_TAG) == _INTERNAL) & (slots != _ZERO_ENTRY)
        if is_marker.any():
            raise TornError
        base = np.repeat(np.array(self._bases, np.uint64), self.layout.fanout)
        index = base + np.tile(np.arange(self.layout.fanout, dtype=np.uint64), len(self._bases))
        self._bases, self._leaves = [], []
        is_value = slots & np.uint64(_VALUE) != 0
        yield index[is_value], slots[is_value] >> np.uint64(1)
