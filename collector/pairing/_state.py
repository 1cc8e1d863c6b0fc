"""Names for what the compiled pairing keeps: columns, bits and kernel numbers, as plain integers.

A row of the thread table is the call that a thread is in, and why it may convert pages next.
"""

from app.compiled import constant
from app.model.guest import Cause, Certainty, To
from collector.codes import SAW_ENTER, SAW_EXIT, SAW_STRUCT, CallCode, RecordCode

# Columns of the thread table.
TID = 0  # plus one; 0: the row is free
CODE = 1  # CallCode of the open call, OTHER, or 0
MET = 2  # MET_* bits
TS_ENTER = 3
CPU = 4  # of the record at hand
FD = 5
CMD = 6
KVM = 7
FLAGS = 8  # SAW_* of the CALL
RET = 9  # valid with MET_RETURN
TS_RET = 10
V = 11  # seven columns
CAUSE = 18  # Cause by the thread's last exit to user space
REQUEST = 19  # REQUEST_*
GPA = 20
SIZE = 21
ATTRIBUTES = 22
FAULT_GPA = 23  # plus one; of the last page fault since the last exit
VCPU = 24  # plus one
RUN_FD = 25  # plus one; of the last KVM_RUN
LAST_EXIT_TS = 26
LAST_EXIT_RET = 27
ENTER_CPU = 28
GAPS_SEEN = 29  # GAPS_PASSED at the thread's last record; 0: there was none yet
LAST_TS = 30  # of that record
IN_DOUBT = 31  # since CAUSE was learnt, another exit to user space may have been missed
MAY_RETURN = 32  # after a gap: the thread may be in a call whose entry was lost
WIDTH = 33

# SAW_* of a CALL, to hand on.
ENTERED = constant(SAW_ENTER)
LEFT = constant(SAW_EXIT)
OBSERVED = constant(SAW_ENTER | SAW_EXIT)
OBSERVED_WITH_STRUCT = constant(SAW_ENTER | SAW_EXIT | SAW_STRUCT)

# Which records of the open call were met, outermost first.
MET_SYS_ENTER = constant(1)
MET_USER = constant(2)
MET_VM_IOCTL = constant(4)
MET_INNER = constant(8)
MET_TRACEPOINT = constant(16)
MET_POST = constant(32)
MET_RETURN = constant(64)

# What the guest is known to have asked for.
REQUEST_NONE = 0
REQUEST_HYPERCALL = 1  # kvm_hypercall was seen; whether KVM passed it on is not known yet
REQUEST_PASSED_ON = 2  # the exit to user space followed: the VMM has been asked
REQUEST_ANSWERED = 3  # a conversion carried it out; the ranges of further ones are unknown

# What all threads share, followed by two columns a CPU: its open gaps, the end of its last one.
HAS_IOCTL_EXITS = 0
HAS_USERSPACE_EXITS = 1
THREADS = 2
IS_FOREIGN = 3  # an a2 of hypercall 12 was seen that MapGPA's flags cannot be
IS_STANDARD = 4  # an a2 with the ENCRYPTED bit was seen
OPEN_GAPS = 5  # on any CPU
LAST_GAP_END = 6
GAPS_PASSED = 7  # begins and ends of gaps so far, and the recording's own begin
GAPS_BY_CPU = 8
UNKNOWN_CPU = 0xFFFF
SHARED_WIDTH = GAPS_BY_CPU + 2 * (1 << 16)

IN_FLIGHT_NS = 1_000_000_000
"""How long after a gap to wait for the returns of calls whose entries it swallowed; and how long
after the recording's begin a call that returns may have been entered before it."""

SOME_REGION = constant(254)
"""In place of a CallCode: KVM_MEMORY_ENCRYPT_REG_REGION or UNREG_REGION, not known yet which."""
OTHER = constant(255)
"""In place of a CallCode: a system call that is none of ours."""

# What becomes of an observation, by its RecordCode: its CallCode (0: it is none), the first of its
# v that the call has, and how many.
OBSERVED_CODE, OBSERVED_FIRST, OBSERVED_COUNT = range(3)

MOST_CALLS = 4
"""That one record may yield."""
RECORD_WORDS = 10
RECORD_V = 2  # the word in which v begins
CALL_WORDS = 14
CALL_RET = 6
CALL_V = 7
NONE = constant(0)
NO_FD = constant(-1)
MOST_VCPU = (1 << 15) - 1  # see collector.assemble
NO_VCPU_AT_ALL = constant(-1)
"""In place of a vCPU's number plus one: no vCPU has such a number, so that the call is refused."""
DUPLICATE_NS = 50_000
"""Two exits of one call, seen by a tracepoint and by a probe on it, are no further apart."""

ATTRIBUTES_UNKNOWN = -1  # all bits set

# Compiled code takes integers from a module, not members of an enum, where it has to store them.
SET_ATTRIBUTES = constant(CallCode.SET_ATTRIBUTES)
SET_REGION = constant(CallCode.SET_REGION)
CREATE_GUEST_MEMFD = constant(CallCode.CREATE_GUEST_MEMFD)
CREATE_VM = constant(CallCode.CREATE_VM)
CREATE_VCPU = constant(CallCode.CREATE_VCPU)
FALLOCATE = constant(CallCode.FALLOCATE)
CLOSE = constant(CallCode.CLOSE)
DUP = constant(CallCode.DUP)
UNKNOWN_IOCTL = constant(CallCode.UNKNOWN_IOCTL)
HYPERCALL = constant(CallCode.HYPERCALL)
MEMORY_FAULT = constant(CallCode.MEMORY_FAULT)
PAGE_FAULT = constant(CallCode.PAGE_FAULT)
UNMAP = constant(CallCode.UNMAP)
RMP_FAULT = constant(CallCode.RMP_FAULT)
PHASE_MARK = constant(CallCode.PHASE_MARK)
LOSS_BEGIN = constant(CallCode.LOSS_BEGIN)
LOSS_END = constant(CallCode.LOSS_END)
SET_ATTRIBUTES2 = constant(CallCode.SET_ATTRIBUTES2)
REGISTER_REGION = constant(CallCode.REGISTER_REGION)
UNREGISTER_REGION = constant(CallCode.UNREGISTER_REGION)
VCPU_RUN = constant(CallCode.VCPU_RUN)
CLOSE_RANGE = constant(CallCode.CLOSE_RANGE)
LATE_RETURN = constant(CallCode.LATE_RETURN)

R_IOCTL_ENTER = constant(RecordCode.IOCTL_ENTER)
R_IOCTL_EXIT = constant(RecordCode.IOCTL_EXIT)
R_FALLOCATE_ENTER = constant(RecordCode.FALLOCATE_ENTER)
R_FALLOCATE_EXIT = constant(RecordCode.FALLOCATE_EXIT)
R_USER_SET_ATTRIBUTES = constant(RecordCode.USER_SET_ATTRIBUTES)
R_USER_REGION = constant(RecordCode.USER_REGION)
R_USER_GUEST_MEMFD = constant(RecordCode.USER_GUEST_MEMFD)
R_VM_IOCTL = constant(RecordCode.VM_IOCTL)
R_VM_IOCTL_RETURN = constant(RecordCode.VM_IOCTL_RETURN)
R_SET_MEMSLOT = constant(RecordCode.SET_MEMSLOT)
R_SET_MEMSLOT_RETURN = constant(RecordCode.SET_MEMSLOT_RETURN)
R_POST_ATTRIBUTES = constant(RecordCode.POST_ATTRIBUTES)
R_GMEM_FALLOCATE = constant(RecordCode.GMEM_FALLOCATE)
R_GMEM_FALLOCATE_RETURN = constant(RecordCode.GMEM_FALLOCATE_RETURN)
R_GMEM_CREATE = constant(RecordCode.GMEM_CREATE)
R_GMEM_CREATE_RETURN = constant(RecordCode.GMEM_CREATE_RETURN)
R_SET_ATTRIBUTES = constant(RecordCode.SET_ATTRIBUTES)
R_HYPERCALL = constant(RecordCode.HYPERCALL)
R_USERSPACE_EXIT = constant(RecordCode.USERSPACE_EXIT)
R_PAGE_FAULT = constant(RecordCode.PAGE_FAULT)
R_RMP_FAULT = constant(RecordCode.RMP_FAULT)
R_PIO = constant(RecordCode.PIO)
R_CLOSE_ENTER = constant(RecordCode.CLOSE_ENTER)
R_CLOSE_EXIT = constant(RecordCode.CLOSE_EXIT)
R_DUP_ENTER = constant(RecordCode.DUP_ENTER)
R_DUP_EXIT = constant(RecordCode.DUP_EXIT)
R_LOSS_BEGIN = constant(RecordCode.LOSS_BEGIN)
R_LOSS_END = constant(RecordCode.LOSS_END)
R_USER_ENC_REGION = constant(RecordCode.USER_ENC_REGION)
R_CLOSE_RANGE_ENTER = constant(RecordCode.CLOSE_RANGE_ENTER)
R_CLOSE_RANGE_EXIT = constant(RecordCode.CLOSE_RANGE_EXIT)

CAUSE_NONE = constant(Cause.NONE)
CAUSE_EXPLICIT = constant(Cause.EXPLICIT)
CAUSE_IMPLICIT = constant(Cause.IMPLICIT)
CAUSE_VMM = constant(Cause.VMM)
CERTAINTY_UNKNOWN = constant(Certainty.UNKNOWN)
CERTAINTY_INFERRED = constant(Certainty.INFERRED)
CERTAINTY_SEEN = constant(Certainty.SEEN)
TO_SHARED = constant(To.SHARED)
TO_PRIVATE = constant(To.PRIVATE)
TO_UNKNOWN = constant(To.UNKNOWN)
