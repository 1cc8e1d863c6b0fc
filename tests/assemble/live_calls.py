"""CALLs as a live source gives them, told to an assembler one by one or in one batch."""

import numpy as np

from app.model.events import EventArray
from app.model.guest import EventKind
from collector.assemble import Assembler
from collector.assemble.identity import VmmOf
from collector.assemble.memslots import InodeOf
from collector.codes import SAW_ENTER, SAW_EXIT, SAW_GMEM, SAW_STRUCT, CallCode
from collector.coverage import Capability
from collector.description import SourceDescription
from collector.records import CALL, CallArray
from tests.assemble.memory_sink import MemorySink, RecordedVm

ALL = SAW_ENTER | SAW_EXIT | SAW_STRUCT
KVM_MEM_GUEST_MEMFD = 4
PID, VM_FD, MEMFD, HVA = 70, 9, 12, 0x7F00_0000_0000


def call(
    ts: int,
    code: CallCode,
    fd: int = -1,
    *v: int,
    ret: int = 0,
    tid: int = PID,
    pid: int = PID,
    flags: int = ALL,
) -> CallArray:
    row = np.zeros(1, dtype=CALL)
    row["ts_enter"] = row["ts_exit"] = ts
    row["tid"], row["tgid"] = tid, pid
    row["code"], row["fd"], row["ret"], row["vcpu"], row["flags"] = code, fd, ret, -1, flags
    row["v"][0, : len(v)] = [n & (1 << 64) - 1 for n in v]
    return row


def create_vm(ts: int, fd: int = VM_FD, pid: int = PID) -> CallArray:
    return call(ts, CallCode.CREATE_VM, 3, 0, ret=fd, tid=pid, pid=pid)


def create_memfd(ts: int, size: int, flags: int = 0, fd: int = MEMFD) -> CallArray:
    return call(ts, CallCode.CREATE_GUEST_MEMFD, VM_FD, size, flags, ret=fd)


def region(
    ts: int,
    slot: int,
    gpa: int,
    size: int,
    *,
    hva: int = HVA,
    memfd: int | None = None,
    offset: int = 0,
    kvm_mem_private: bool = False,
) -> CallArray:
    has_bit = memfd is not None or kvm_mem_private
    v = (slot | (KVM_MEM_GUEST_MEMFD if has_bit else 0) << 32, gpa, size, hva, offset, memfd or 0)
    flags = ALL if memfd is None else ALL | SAW_GMEM
    return call(ts, CallCode.SET_REGION, VM_FD, *v, flags=flags)


class Live:
    """What an assembler of a live source made of calls."""

    def __init__(self, vmm_of: VmmOf | None = None, inode_of: InodeOf | None = None) -> None:
        self.sink = MemorySink()
        sees = {Capability.VM_CREATION.value: True}
        source = SourceDescription("tracefs", "boot", 0, "host", None, sees)
        self.assembler = Assembler(self.sink, source, vmm_of, inode_of)

    def tell(self, *calls: CallArray) -> "Live":
        self.assembler.add(np.concatenate(calls))
        return self

    @property
    def vm(self) -> RecordedVm:
        (vm,) = self.sink.named()
        return vm

    def of_kind(self, *kinds: EventKind) -> EventArray:
        return self.vm.events[np.isin(self.vm.events["kind"], kinds)]


def ranges(events: EventArray) -> list[tuple[int, int, int]]:
    """t, gfn, pages."""
    return [(int(e["t"]), int(e["gfn"]), int(e["npages"])) for e in events]
