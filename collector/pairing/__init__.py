"""RECORD rows to CALL rows: which exit belongs to which entry, thread by thread, in compiled
code. An entry without its exit becomes an unconfirmed call, never a guess.
"""

from collector.pairing import _state as state
from collector.pairing._causes import direction_of
from collector.pairing._rows import begin_call, sign_extended
from collector.pairing._syscall_tracker import SyscallTracker

__all__ = [
    "SyscallTracker",
    "begin_call",
    "direction_of",
    "sign_extended",
    "state",
]
