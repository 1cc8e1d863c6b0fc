"""Walking an XArray in memory."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from collector.capture.kernel_memory._xarrays import NodeLayout, TornError, Walk
from tests.capture.fake_kernel import ARRAY, FANOUT, SHIFT, SLOTS, FaultError, Kernel

LAYOUT = NodeLayout(SHIFT, ARRAY, SLOTS, FANOUT)
AT = 0xFFFF_8880_1234_5678
ZERO_ENTRY, RETRY_ENTRY = 257 << 2 | 2, 256 << 2 | 2


def walked(kernel: Kernel, head: int) -> dict[int, int]:
    found: dict[int, int] = {}
    last = -1
    for index, value in Walk(kernel.read, LAYOUT, AT).values(head):
        assert (np.diff(index.astype(np.int64), prepend=last) > 0).all()
        last = int(index[-1]) if len(index) else last
        found |= dict(zip(index.tolist(), value.tolist(), strict=True))
    return found


@given(st.dictionaries(st.integers(0, 1 << 40), st.integers(0, 8), max_size=30))
def test_all_values_are_found(values: dict[int, int]) -> None:
    kernel = Kernel()
    assert walked(kernel, kernel.store(values, AT)) == values


def test_empty_array() -> None:
    assert walked(Kernel(), 0) == {}


def test_value_at_index_0_alone_is_the_head() -> None:
    assert walked(Kernel(), 8 << 1 | 1) == {0: 8}


def changed(kernel: Kernel, slot: int, entry: int) -> None:
    """Put an entry into a slot of the last node that was stored."""
    address = max(kernel.memory)
    raw = bytearray(kernel.memory[address])
    raw[SLOTS + 8 * slot : SLOTS + 8 * slot + 8] = entry.to_bytes(8, "little")
    kernel.memory[address] = bytes(raw)


def test_reserved_places_are_empty() -> None:
    kernel = Kernel()
    head = kernel.store({1: 8}, AT)
    changed(kernel, 3, ZERO_ENTRY)
    assert walked(kernel, head) == {1: 8}


def test_node_of_another_array_was_freed_meanwhile() -> None:
    kernel = Kernel()
    with pytest.raises(TornError):
        walked(kernel, kernel.store({1: 8}, AT + 8))


@pytest.mark.parametrize("values", [{1: 8}, {1: 8, 1 << 12: 8}])
def test_entry_that_is_being_moved_is_read_again(values: dict[int, int]) -> None:
    kernel = Kernel()
    head = kernel.store(values, AT)
    changed(kernel, 5, RETRY_ENTRY)
    with pytest.raises(TornError):
        walked(kernel, head)


def test_memory_that_is_not_there() -> None:
    with pytest.raises(FaultError):
        walked(Kernel(), AT & ~3 | 2)
