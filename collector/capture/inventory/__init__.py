"""What runs on this host already: VMs, their descriptors, names, threads and memory, from /proc and
QMP.

Each process that holds a descriptor of KVM's is looked at once; what vanishes meanwhile is left
out. The result is one `Inventory`, which the assembler takes as of its instant.
"""

from collector.capture.inventory._command_lines import guest_called
from collector.capture.inventory._descriptors import inode_of, kvm_fds
from collector.capture.inventory._discovery import scan
from collector.capture.inventory._listing import list_beside, listing_beside, looks_like_listing
from collector.capture.inventory._processes import vmm_of

__all__ = [
    "guest_called",
    "inode_of",
    "kvm_fds",
    "list_beside",
    "listing_beside",
    "looks_like_listing",
    "scan",
    "vmm_of",
]
