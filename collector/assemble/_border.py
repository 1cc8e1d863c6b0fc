"""Where calls enter: none passes that no kernel can have made, whatever it was read from.

All that follows, compiled code above all, relies on that. A call that cannot be read is one that
was lost: its place is known, what it did is not. What a call that *failed* was given may be any
number, and is passed on as it was.
"""

import numpy as np
import numpy.typing as npt

from app.compiled import constant, hot_in_place, hot_part, signed
from app.model.guest import GFN_LIMIT, PAGE_SHIFT, PAGE_SIZE
from collector.codes import SAW_ENTER, SAW_EXIT, SAW_STRUCT, CallCode
from collector.kvm import catalogue, uapi
from collector.records import CALL, CallArray

LAST_NS = constant(1 << 62)
"""Of any clock: in the year 2116 by that of UNIX time."""
MOST_LOST = constant(1 << 42)
MOST_SLOT_PAGES = constant((1 << 31) - 1)
"""KVM_MEM_MAX_NR_PAGES (virt/kvm/kvm_main.c)."""
GPA_END = constant(GFN_LIMIT << PAGE_SHIFT)
"""x86 has physical addresses of 52 bits at most, and refuses memslots beyond what the processor has
(kvm_mmu_max_gfn(), arch/x86/kvm/mmu.h; kvm_arch_prepare_memory_region())."""
MOST_AS_ID = constant(1)
"""KVM_ADDRESS_SPACE_NUM is 2 on x86, 1 elsewhere."""
MOST_VCPU = constant((1 << 15) - 1)
"""KVM_MAX_VCPU_IDS is 4 x KVM_MAX_VCPUS, of which there are 4096 at most
(arch/x86/include/asm/kvm_host.h)."""
MOST_ORDER = constant(30)
INT_END = constant(1 << 31)
UNKNOWN_CPU = 0xFFFF

# What is wrong with a call.
TIME, NUMBER, REGION, COUNT = range(1, 5)
_WORDS = {
    TIME: "its time cannot be right",
    NUMBER: "it has numbers that the kernel gives to nothing",
    REGION: "KVM would have refused such a memslot",
    COUNT: "so many events cannot have been lost",
}

RETURNED, ENTERED = constant(SAW_EXIT), constant(SAW_ENTER)
BOTH, STRUCT = constant(SAW_ENTER | SAW_EXIT), constant(SAW_STRUCT)


Flags = npt.NDArray[np.uint8]
_OBSERVED = np.zeros(256, np.uint8)
"""By CallCode: it is an event that takes no time, not a system call."""
_OBSERVED[
    [one.code for one in catalogue.calls().values() if one.kind and not one.is_system_call]
] = 1


class CallBorder:
    """Remembers what was refused, and to when the calls have come."""

    def __init__(self) -> None:
        self.refused = 0
        self._first = ""
        self._reached = 0

    @property
    def damage(self) -> str | None:
        """For people: what was refused."""
        if not self.refused:
            return None
        calls = "call" if self.refused == 1 else "calls"
        return f"{self.refused:,} {calls} cannot be right; of the first, {self._first}"

    def passed(self, calls: CallArray) -> CallArray:
        """The calls, with a gap in place of each that is refused."""
        wrong = np.empty(len(calls), np.uint8)
        reached = self._reached
        self._reached, count = find_wrong(calls, reached, wrong, _OBSERVED)
        if count == 0:
            return calls
        which = np.flatnonzero(wrong)
        self.refused += int(count)
        code = CallCode(int(calls["code"][which[0]]))
        self._first = self._first or f"a {code.name}: {_WORDS[int(wrong[which[0]])]}"
        return _with_gaps(calls, wrong, reached)


@hot_in_place
def find_wrong(
    calls: CallArray, reached: int, wrong: npt.NDArray[np.uint8], observed: Flags
) -> tuple[int, int]:
    """For each call what is wrong with it, 0 if nothing is.

    Returns (to when the calls come, of how many something is)."""
    count = 0
    for i in range(calls.size):
        call = calls[i]
        enter, leave = signed(call.ts_enter), signed(call.ts_exit)
        reason = 0
        if enter < 0 or leave < enter or leave < reached or leave >= LAST_NS:
            reason = TIME
        elif call.code == CallCode.LOSS_BEGIN or call.code == CallCode.LOSS_END:
            reason = wrong_with_loss(calls, i)
        elif enter != leave and is_instant(calls, i, observed):
            reason = TIME
        elif call.tid < 0 or call.tgid < 0 or call.vcpu < -1 or not numbers_fit(calls, i):
            reason = NUMBER
        elif call.code == CallCode.SET_REGION and not is_region(calls, i):
            reason = REGION
        wrong[i] = reason
        if reason != 0:
            count += 1
        if reason != TIME:
            reached = leave
    return reached, count


@hot_part
def wrong_with_loss(calls: CallArray, i: int) -> int:
    call = calls[i]
    other = signed(call.v[1])
    is_late = call.code == CallCode.LOSS_END and other > signed(call.ts_exit)
    if other < 0 or other >= LAST_NS or is_late:
        return TIME
    return COUNT if call.v[0] >= np.uint64(MOST_LOST) else 0


@hot_part
def is_instant(calls: CallArray, i: int, observed: Flags) -> bool:
    """It is an observation, or only one end of it was seen."""
    call = calls[i]
    return bool(observed[call.code] or call.flags & BOTH != BOTH)


@hot_part
def numbers_fit(calls: CallArray, i: int) -> bool:
    """What names files, tasks, vCPUs and pages of files."""
    call = calls[i]
    if call.code == CallCode.NEW_TASK or call.code == CallCode.PROCESS_EXIT:
        return bool(call.v[0] < np.uint64(INT_END))
    if call.code == CallCode.PROCESS_EXEC:
        return bool(call.v[0] < np.uint64(INT_END) and call.v[1] < np.uint64(INT_END))
    if call.code == CallCode.PAGE_CACHE_ADD or call.code == CallCode.PAGE_CACHE_DELETE:
        return bool(call.v[3] <= np.uint64(MOST_ORDER) and call.v[1] < np.uint64(1 << 51))
    makes_vcpu = call.code == CallCode.CREATE_VCPU
    makes_memfd = call.code == CallCode.CREATE_GUEST_MEMFD
    makes_other = (
        call.code == CallCode.CREATE_VM
        or call.code == CallCode.DUP
        or call.code == CallCode.UNKNOWN_IOCTL
    )
    made_file = call.flags & RETURNED != 0 and call.ret >= 0
    if not made_file or not (makes_vcpu or makes_memfd or makes_other):
        return True
    if call.ret >= INT_END:
        return False
    return bool(call.flags & STRUCT == 0 or argument_fits(calls, i))


@hot_part
def argument_fits(calls: CallArray, i: int) -> bool:
    """What KVM made the file of."""
    call = calls[i]
    argument = signed(call.v[0])
    if call.code == CallCode.CREATE_VCPU:
        return bool(0 <= argument <= MOST_VCPU)
    if call.code == CallCode.CREATE_GUEST_MEMFD:  # a loff_t; kvm_gmem_create() refuses others
        return bool(argument > 0 and argument & (PAGE_SIZE - 1) == 0)
    return bool(call.code != CallCode.CREATE_VM or argument >= 0)


@hot_part
def is_region(calls: CallArray, i: int) -> bool:
    """Whether KVM may have taken such a memslot, if it took it: kvm_set_memory_region(),
    virt/kvm/kvm_main.c. That of a slot of KVM's own is not looked at, nor followed."""
    call = calls[i]
    took_it = call.flags & RETURNED != 0 and call.flags & STRUCT != 0 and call.ret == 0
    as_id, slot = (signed(call.v[0]) >> 16) & 0xFFFF, signed(call.v[0]) & 0xFFFF
    if not took_it or slot >= uapi.KVM_USER_MEM_SLOTS:
        return True
    gpa, size, hva, offset = (
        signed(call.v[1]),
        signed(call.v[2]),
        signed(call.v[3]),
        signed(call.v[4]),
    )
    if as_id > MOST_AS_ID or gpa < 0 or gpa >= GPA_END:
        return False
    if size < 0 or size >> PAGE_SHIFT > MOST_SLOT_PAGES or gpa + size > GPA_END:
        return False
    if size == 0:
        return True
    is_even = (gpa | size) & (PAGE_SIZE - 1) == 0
    return bool(is_even and hva >= 0 and hva + size > 0 and offset >= 0 and offset + size > 0)


def _with_gaps(calls: CallArray, wrong: npt.NDArray[np.uint8], reached: int) -> CallArray:
    """Put a gap in place of calls in a row that are wrong. One that is a gap itself stays one, of
    an unknown count."""
    is_gap = (calls["code"] == CallCode.LOSS_BEGIN) | (calls["code"] == CallCode.LOSS_END)
    times = _times(calls, wrong, reached)
    is_wrong_call = (wrong != 0) & ~is_gap
    follows = np.concatenate(([False], is_wrong_call[:-1]))
    first = np.flatnonzero(is_wrong_call & ~follows)
    ends = np.flatnonzero(is_wrong_call & ~np.append(is_wrong_call[1:], False))
    passed = calls.copy()
    for i in np.flatnonzero((wrong != 0) & is_gap).tolist():
        passed["ts_enter"][i] = passed["ts_exit"][i] = passed["v"][i, 1] = times[i + 1]
        passed["v"][i, 0] = 0
    gaps = np.zeros((len(first), 2), CALL)
    gaps["code"] = (CallCode.LOSS_BEGIN, CallCode.LOSS_END)
    began, ended = times[first], times[ends + 1]
    gaps["ts_enter"] = gaps["ts_exit"] = np.column_stack((began, ended))
    gaps["v"][:, :, 0] = (ends - first + 1)[:, None]
    gaps["v"][:, :, 1] = np.column_stack((ended, began))
    gaps["cpu"], gaps["fd"] = UNKNOWN_CPU, -1
    kept = ~is_wrong_call
    keys = np.concatenate((np.flatnonzero(kept), np.repeat(first, 2)))
    order = np.argsort(keys, kind="stable")
    result: CallArray = np.concatenate((passed[kept], gaps.reshape(-1)))[order]
    return result


def _times(calls: CallArray, wrong: npt.NDArray[np.uint8], reached: int) -> npt.NDArray[np.uint64]:
    """Before the first call and after each: to when the calls that have a time have come."""
    ends = np.where(wrong == TIME, np.uint64(0), calls["ts_exit"])
    times: npt.NDArray[np.uint64] = np.maximum.accumulate(
        np.concatenate((np.array([reached], np.uint64), ends))
    )
    return times
