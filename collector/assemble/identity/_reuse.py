"""Did a file descriptor or a struct kvm * get a new VM behind it? What follows shows it."""

import numpy as np

from collector.assemble.identity._live_vm import LiveVm
from collector.assemble.memslots import LiveMemslots, Region
from collector.codes import SAW_EXIT, SAW_GMEM, SAW_STRUCT, CallCode
from collector.kvm import uapi
from collector.records import CallArray, signed32

_VM_CALLS = (
    CallCode.SET_ATTRIBUTES,
    CallCode.SET_REGION,
    CallCode.CREATE_GUEST_MEMFD,
    CallCode.CREATE_VCPU,
)


def region_of(call: np.void) -> Region:
    """The arguments of a SET_REGION call whose struct was seen."""
    v = [int(x) for x in call["v"]]
    slot_id, flags = v[0] & 0xFFFFFFFF, v[0] >> 32
    has_gmem = bool(call["flags"] & SAW_GMEM)
    return Region(
        as_id=slot_id >> 16,
        slot=slot_id & 0xFFFF,
        flags=flags,
        gpa=v[1],
        size=v[2],
        hva=v[3],
        guest_memfd=signed32(v[5]) if has_gmem else None,
        guest_memfd_offset=v[4] if has_gmem else None,
    )


def is_internal(region: Region) -> bool:
    return region.slot >= uapi.KVM_USER_MEM_SLOTS


def changes_layout(calls: CallArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """SET_REGION calls that succeeded and whose arguments are known."""
    wanted = SAW_EXIT | SAW_STRUCT
    result: np.ndarray[tuple[int], np.dtype[np.bool_]] = (
        (calls["code"] == CallCode.SET_REGION)
        & (calls["flags"] & wanted == wanted)
        & (calls["ret"] == 0)
    )
    return result


def is_new_vm(vm: LiveVm, later: CallArray) -> bool | None:
    """Whether another VM than `vm` is behind its name in `later`, the calls that use the name.

    A different struct kvm * proves it, and so does a memslot call that `vm` would have refused
    but a fresh VM accepts; the reverse proves that it is still `vm`. None: it is not known so far.
    """
    calls = later[np.isin(later["code"], _VM_CALLS)]
    if vm.kvm is not None:
        differs = (calls["kvm"] != 0) & (calls["kvm"] != np.uint64(vm.kvm))
        seen = np.flatnonzero(calls["kvm"] != 0)
        if len(seen) and differs[seen[0]]:
            return True
        if differs.any():
            calls = calls[: int(np.flatnonzero(differs)[0])]
    old, fresh = vm.layout.copy(), LiveMemslots(is_complete=True)
    for call in calls[changes_layout(calls)]:
        region = region_of(call)
        if is_internal(region):
            continue
        old_refuses, fresh_refuses = old.would_refuse(region), fresh.would_refuse(region)
        if old_refuses != fresh_refuses:
            return old_refuses
        old.apply(region, None, 0)
        fresh.apply(region, None, 0)
    return None
