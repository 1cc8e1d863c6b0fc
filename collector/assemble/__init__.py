"""CALL rows to EVENT rows of VMs.

A batch of calls passes the border, which puts a gap in place of what the kernel cannot have done.
Calls that change what there is (VMs, vCPUs, descriptors, tasks, memslots) cut it and are followed
one by one; what lies between them goes through in whole arrays (`floods`). `identity` finds the VM
of a call, `memslots` the guest pages behind a file's range or a range of addresses. What comes out
are events, appended to the sink of each VM.
"""

from collector.assemble._assembler import Assembler, parts_of
from collector.assemble._border import LAST_NS

__all__ = [
    "LAST_NS",
    "Assembler",
    "parts_of",
]
