"""What the lines of the bpftrace program become: one letter, one kind of call.

    LETTER entry duration tgid<<32|tid cpu<<40|cause<<32|fd result value...
All numbers are hexadecimal without sign or leading zeros; times are ns of the boot clock. Lines of
two other kinds: `T now cpu` says that the CPU has said everything up to now, `n tgid<<32|tid comm`
names the thread whose CREATE_VM follows.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from collector.records import SAW_ENTER, SAW_EXIT, SAW_GMEM, SAW_STRUCT, CallCode

HEAD_FIELDS = 5
TICK = ord("T")
NAME = b"n"

_CALL = SAW_ENTER | SAW_EXIT
_STRUCT = _CALL | SAW_STRUCT


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of line: what it becomes and how many values it has."""

    name: str
    code: int
    flags: int
    values: int
    is_caused: bool = False  # the guest may have asked for it
    has_vcpu: bool = False  # by its last value


SHAPES: dict[str, Shape] = {
    "A": Shape("SET_MEMORY_ATTRIBUTES", CallCode.SET_ATTRIBUTES, _STRUCT, 4, is_caused=True),
    "B": Shape("SET_MEMORY_ATTRIBUTES2", CallCode.SET_ATTRIBUTES2, _STRUCT, 5, is_caused=True),
    "R": Shape("SET_USER_MEMORY_REGION", CallCode.SET_REGION, _STRUCT, 4),
    "S": Shape("SET_USER_MEMORY_REGION2", CallCode.SET_REGION, _STRUCT | SAW_GMEM, 6),
    "M": Shape("CREATE_GUEST_MEMFD", CallCode.CREATE_GUEST_MEMFD, _STRUCT, 2),
    "V": Shape("CREATE_VM", CallCode.CREATE_VM, _STRUCT, 1),
    "U": Shape("CREATE_VCPU", CallCode.CREATE_VCPU, _STRUCT, 1),
    "E": Shape("MEMORY_ENCRYPT_REG_REGION", CallCode.REGISTER_REGION, _STRUCT, 2),
    "D": Shape("MEMORY_ENCRYPT_UNREG_REGION", CallCode.UNREGISTER_REGION, _STRUCT, 2),
    "F": Shape("FALLOCATE", CallCode.FALLOCATE, _STRUCT, 3),
    "C": Shape("CLOSE", CallCode.CLOSE, _CALL, 0),
    "P": Shape("DUP", CallCode.DUP, _CALL, 0),
    "W": Shape("CLOSE_RANGE", CallCode.CLOSE_RANGE, _CALL, 1),
    "Q": Shape("RUN", CallCode.VCPU_RUN, SAW_ENTER, 0),
    "H": Shape("kvm_hypercall", CallCode.HYPERCALL, SAW_ENTER, 3),
    "X": Shape("kvm_userspace_exit", CallCode.MEMORY_FAULT, SAW_ENTER, 0),
    "G": Shape("kvm_page_fault", CallCode.PAGE_FAULT, SAW_ENTER, 3, has_vcpu=True),
    "I": Shape("kvm_rmp_fault", CallCode.RMP_FAULT, SAW_ENTER, 4, has_vcpu=True),
    "J": Shape("kvm_unmap_hva_range", CallCode.UNMAP, _CALL, 2),
    "N": Shape("sched_process_exec", CallCode.PROCESS_EXEC, _CALL, 2),
    "O": Shape("sched_process_exit", CallCode.PROCESS_EXIT, _CALL, 2),
    "K": Shape("mm_filemap_add_to_page_cache", CallCode.PAGE_CACHE_ADD, _CALL, 4),
    "L": Shape("mm_filemap_delete_from_page_cache", CallCode.PAGE_CACHE_DELETE, _CALL, 4),
}

# Columns of the table that compiled code looks letters up in.
FIELDS = 0  # with the head; 0: no such letter
CODE = 1
FLAGS = 2
IS_CAUSED = 3
HAS_VCPU = 4
COUNT = 5  # lines so far
WIDTH = 6


def shape_table() -> npt.NDArray[np.int64]:
    """(256, WIDTH), by the letter's byte."""
    table = np.zeros((256, WIDTH), np.int64)
    for letter, shape in SHAPES.items():
        fields = HEAD_FIELDS + shape.values
        table[ord(letter)] = (fields, shape.code, shape.flags, shape.is_caused, shape.has_vcpu, 0)
    table[TICK, FIELDS] = 2
    return table
