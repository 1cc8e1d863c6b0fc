"""Which VM a call belongs to: by struct kvm *, by process and descriptor, or by elimination;
where that is not certain, calls stay apart.
"""

from collector.assemble.identity._finder import Finder
from collector.assemble.identity._live_vm import Append, Caller, LiveVm, Vcpu, caller_of
from collector.assemble.identity._processes import Processes
from collector.assemble.identity._reuse import changes_layout, is_internal, is_new_vm, region_of
from collector.assemble.identity._vm_ioctls import VmIoctls
from collector.assemble.identity._vmms import VmmOf
from collector.assemble.identity._vms import Vms

__all__ = [
    "Append",
    "Caller",
    "Finder",
    "LiveVm",
    "Processes",
    "Vcpu",
    "VmIoctls",
    "VmmOf",
    "Vms",
    "caller_of",
    "changes_layout",
    "is_internal",
    "is_new_vm",
    "region_of",
]
