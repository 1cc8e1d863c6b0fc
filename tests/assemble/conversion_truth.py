"""What a ground-truth file (X.truth.jsonl of convwork) implies, by brute force, without app code.

VMs are told apart by (pid, fd number, creation); times are the truth's own CLOCK_MONOTONIC.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

K4 = 4096
PRIVATE = 8


@dataclass(frozen=True)
class TrueConversion:
    t0: int
    t1: int
    tid: int
    gpa: int | None  # None: the kernel could not read the struct
    size: int | None
    attributes: int | None
    errno: int
    why: str


@dataclass
class TrueMemslot:
    slot: int
    gpa: int
    size: int
    flags: int
    hva: int
    gmem_fd: int | None
    gmem_offset: int | None
    begin: tuple[int, int]  # entry and return of the call that made it
    end: tuple[int, int] | None = None


@dataclass
class TrueVm:
    pid: int
    fd: int
    created: int
    ended: int | None = None
    conversions: list[TrueConversion] = field(default_factory=list)
    memslots: list[TrueMemslot] = field(default_factory=list)
    memslot_errnos: list[int] = field(default_factory=list)
    punches: list[tuple[int, int, int]] = field(default_factory=list)


@dataclass
class Truth:
    vms: list[TrueVm]
    stray: list[TrueConversion]  # on no VM's fd
    calls: int
    hypercall_exits: int
    memory_faults: int


def read_truth(path: Path) -> Truth:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    truth = Truth([], [], 0, 0, 0)
    open_vms: dict[tuple[int, int], TrueVm] = {}
    for row in sorted(rows, key=lambda row: int(row["t1_ns"])):
        _take(truth, open_vms, row)
    return truth


def _take(truth: Truth, open_vms: dict[tuple[int, int], TrueVm], row: dict[str, Any]) -> None:
    op, key = row["op"], (row["pid"], row["fd"])
    vm = open_vms.get(key)
    if op == "create_vm":
        vm = TrueVm(row["pid"], row["ret"], row["t1_ns"])
        truth.vms.append(vm)
        open_vms[(row["pid"], row["ret"])] = vm
    elif op == "close" and vm is not None:
        vm.ended = row["t1_ns"]
        for slot in vm.memslots:
            slot.end = (row["t0_ns"], row["t1_ns"]) if slot.end is None else slot.end
        del open_vms[key]
    elif op.startswith("set_memory_attributes"):
        conversion = TrueConversion(
            row["t0_ns"],
            row["t1_ns"],
            row["tid"],
            row.get("gpa"),
            row.get("size"),
            row.get("attributes"),
            row["errno"],
            row["why"],
        )
        (truth.stray if vm is None else vm.conversions).append(conversion)
    elif op.startswith("set_user_memory_region") and vm is not None:
        vm.memslot_errnos.append(row["errno"])
        if row["ret"] == 0:
            _set_memslot(vm, row)
    elif op == "exit_hypercall":
        truth.hypercall_exits += 1
    elif op == "exit_memory_fault":
        truth.memory_faults += 1


def _set_memslot(vm: TrueVm, row: dict[str, Any]) -> None:
    old = next((s for s in vm.memslots if s.slot == row["slot"] and s.end is None), None)
    uses_gmem = bool(row["flags"] & 4)
    new = TrueMemslot(
        row["slot"],
        row["gpa"],
        row["size"],
        row["flags"],
        row["hva"],
        row["gmem_fd"] if uses_gmem else None,
        row["gmem_offset"] if uses_gmem else None,
        (row["t0_ns"], row["t1_ns"]),
    )
    if old is not None:
        same = (old.gpa, old.size, old.flags, old.hva) == (new.gpa, new.size, new.flags, new.hva)
        if same:
            return
        old.end = (row["t0_ns"], row["t1_ns"])
    if row["size"]:
        vm.memslots.append(new)


def private_pages(vm: TrueVm, t: int) -> set[int]:
    """The gfns whose attribute is private once every call that returned before `t` took effect."""
    private: set[int] = set()
    for c in sorted(vm.conversions, key=lambda c: c.t1):
        if c.t1 < t and not c.errno and c.gpa is not None and c.size is not None:
            gfns = range(c.gpa // K4, (c.gpa + c.size) // K4)
            if c.attributes is not None and c.attributes & PRIVATE:
                private.update(gfns)
            else:
                private.difference_update(gfns)
    return private
