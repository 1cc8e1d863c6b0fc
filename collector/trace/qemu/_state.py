"""What the compiled pairing of a QEMU log keeps: the rows of its tables."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from collector.pairing import state as s
from collector.records import SIGNED_CALL

REQUEST = np.dtype(
    [
        ("ts", "<i8"),
        ("seq", "<i8"),  # the place of its line in the log
        ("tid", "<i8"),  # 0 if the log does not name it
        ("start", "<i8"),
        ("size", "<i8"),
        ("attributes", "<i8"),
        ("cause", "<i8"),  # Cause
        ("is_called", "<i8"),  # QEMU has printed the ioctl, too
    ]
)
SLOT = np.dtype(
    [
        ("number", "<i8"),  # slot | address space << 16
        ("gpa", "<i8"),
        ("size", "<i8"),
        ("hva", "<i8"),
        ("offset", "<i8"),  # in its RAM block, and so in its guest_memfd
        ("has_file", "<i8"),
    ]
)
VCPU = np.dtype([("tid", "<i8"), ("vcpu", "<i8")])
"""Both plus one; 0: the row is free."""
SHARED = np.dtype(
    [
        ("calls", "<i8"),  # that were written
        ("waiting", "<i8"),
        ("asked", "<i8"),
        ("slots", "<i8"),
        ("seq", "<i8"),  # of the row at hand
        ("set_up", "<i8"),  # SetUp
        ("changed_start", "<i8"),  # what became private last, until its memory is freed
        ("changed_size", "<i8"),
    ]
)

MOST_REQUESTS = 64
"""Then the oldest is given up: a conversion stays unconfirmed."""
MOST_CALLS = MOST_REQUESTS + 4
"""That one row may yield."""
MOST_SLOTS = 1 << 15
"""KVM has fewer for its users (KVM_USER_MEM_SLOTS)."""
VCPUS = 1 << 13


class SetUp(IntEnum):
    """Where it stands: QEMU makes memory with a guest_memfd private when it has set its memslot."""

    NONE = 0
    EXPECTED = 1
    CALLED = 2


class Tables(NamedTuple):
    """What all of the pairing works on."""

    waiting: s.Rows  # [MOST_REQUESTS + 1] REQUEST: conversions QEMU set about, oldest first
    asked: s.Rows  # [MOST_REQUESTS] REQUEST: what the guest did to want them, oldest first
    set_up: s.Rows  # [1] REQUEST: of the memslot that was set last
    slots: s.Rows  # [MOST_SLOTS] SLOT
    vcpus: s.Rows  # [VCPUS] VCPU, a hash table by thread
    shared: s.Rows  # [1] SHARED
    calls: s.Rows  # SIGNED_CALL: `shared.calls` of them are written
    seqs: npt.NDArray[np.int64]  # of each call, the place in the log of the line that settled it


def empty_tables(calls: int) -> Tables:
    """With room for so many calls at once."""
    return Tables(
        waiting=np.zeros(MOST_REQUESTS + 1, REQUEST),
        asked=np.zeros(MOST_REQUESTS, REQUEST),
        set_up=np.zeros(1, REQUEST),
        slots=np.zeros(MOST_SLOTS, SLOT),
        vcpus=np.zeros(VCPUS, VCPU),
        shared=np.zeros(1, SHARED),
        calls=np.zeros(calls, SIGNED_CALL),
        seqs=np.zeros(calls, np.int64),
    )
