"""What the compiled pairing keeps: the rows of its tables, and names for what they hold.

A row of the thread table is the call that a thread is in, and why it may convert pages next.
"""

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from app.compiled import constant
from collector.codes import SAW_ENTER, SAW_EXIT, SAW_STRUCT

THREAD = np.dtype(
    [
        ("tid", "<i8"),  # plus one; 0: the row is free
        ("code", "<i8"),  # CallCode of the open call, OTHER, or 0
        ("met", "<i8"),  # Met, or'ed
        ("ts_enter", "<i8"),
        ("enter_cpu", "<i8"),
        ("cpu", "<i8"),  # of the record at hand
        ("fd", "<i8"),
        ("cmd", "<i8"),
        ("kvm", "<i8"),
        ("flags", "<i8"),  # SAW_* of the CALL
        ("ret", "<i8"),  # valid with Met.RETURN
        ("ts_ret", "<i8"),
        ("v", "<i8", (7,)),
        ("cause", "<i8"),  # Cause by the thread's last exit to user space
        ("request", "<i8"),  # Request
        ("gpa", "<i8"),  # that the guest asked for, as size and attributes
        ("size", "<i8"),
        ("attributes", "<i8"),
        ("fault_gpa", "<i8"),  # plus one; of the last page fault since the last exit
        ("vcpu", "<i8"),  # plus one
        ("run_fd", "<i8"),  # plus one; of the last KVM_RUN
        ("last_exit_ts", "<i8"),
        ("last_exit_ret", "<i8"),
        ("gaps_seen", "<i8"),  # gaps_passed at the thread's last record; 0: there was none yet
        ("last_ts", "<i8"),  # of that record, the one at hand
        ("in_doubt", "<i8"),  # since `cause` was learnt, another exit may have been missed
        ("may_return", "<i8"),  # after a gap: it may be in a call whose entry was lost
    ]
)
SHARED = np.dtype(
    [
        ("calls", "<i8"),  # that were written so far
        ("threads", "<i8"),
        ("has_ioctl_exits", "<i8"),
        ("has_userspace_exits", "<i8"),
        ("is_foreign", "<i8"),  # an a2 of hypercall 12 was seen that MapGPA's flags cannot be
        ("is_standard", "<i8"),  # an a2 with the ENCRYPTED bit was seen
        ("open_gaps", "<i8"),  # on any CPU
        ("last_gap_end", "<i8"),
        ("gaps_passed", "<i8"),  # begins and ends of gaps so far, and the recording's own begin
    ]
)
GAPS = np.dtype([("open", "<i8"), ("last_end", "<i8")])
"""Of a CPU."""
CPUS = 1 << 16
UNKNOWN_CPU = 0xFFFF
OBSERVED = np.dtype(
    [
        ("code", "<i8"),  # CallCode; 0: the record is no event of its own
        ("count", "<i8"),  # of the call's v, each by its index in the record's
        ("copies", "<i8", (7,)),
        ("of_vcpu", "<i8"),  # the thread is in KVM_RUN
        ("vcpu", "<i8"),  # index of the vCPU's id in the record's v; -1: the record lacks it
    ]
)
"""What becomes of a record that is an event of its own."""


Rows = npt.NDArray[np.void]
Row = Any
"""One of `Rows` in compiled code, whose fields are attributes."""


class Tables(NamedTuple):
    """What all of the pairing works on."""

    threads: Rows  # [a power of two] THREAD
    shared: Rows  # [1] SHARED
    gaps: Rows  # [CPUS] GAPS
    observed: Rows  # [256] OBSERVED, by RecordCode
    calls: Rows  # SIGNED_CALL: `shared.calls` of them are written


class Met(IntEnum):
    """Which records of the open call were met, outermost first."""

    SYS_ENTER = 1
    USER = 2
    VM_IOCTL = 4
    INNER = 8
    TRACEPOINT = 16
    POST = 32
    RETURN = 64


class Request(IntEnum):
    """What the guest is known to have asked for."""

    NONE = 0
    HYPERCALL = 1
    """kvm_hypercall was seen; whether KVM passed it on is not known yet."""
    PASSED_ON = 2
    """The exit to user space followed: the VMM has been asked."""
    ANSWERED = 3
    """A conversion carried it out; the ranges of further ones are unknown."""


# SAW_* of a CALL, to hand on.
ENTERED = constant(SAW_ENTER)
LEFT = constant(SAW_EXIT)
SEEN = constant(SAW_ENTER | SAW_EXIT)
SEEN_WITH_STRUCT = constant(SAW_ENTER | SAW_EXIT | SAW_STRUCT)

IN_FLIGHT_NS = 1_000_000_000
"""How long after a gap to wait for the returns of calls whose entries it swallowed; and how long
after the recording's begin a call that returns may have been entered before it."""

SOME_REGION = constant(254)
"""In place of a CallCode: KVM_MEMORY_ENCRYPT_REG_REGION or UNREG_REGION, not known yet which."""
OTHER = constant(255)
"""In place of a CallCode: a system call that is none of ours."""

MOST_CALLS = 4
"""That one record may yield."""
NONE = constant(0)
NO_FD = constant(-1)
MOST_VCPU = (1 << 15) - 1  # see collector.assemble
NO_VCPU_AT_ALL = constant(-1)
"""In place of a vCPU's number plus one: no vCPU has such a number, so that the call is refused."""
DUPLICATE_NS = 50_000
"""Two exits of one call, seen by a tracepoint and by a probe on it, are no further apart."""

ATTRIBUTES_UNKNOWN = -1  # all bits set
