"""Kernel memory without a kernel: VMs as structures that look like drgn's objects.

`Kernel` is the program, `installed` puts the few parts of drgn that are used where Python finds
them. Nodes of an XArray are bytes, as in memory.
"""

import struct
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

FANOUT, NODE_SIZE = 64, 576
SHIFT, ARRAY, SLOTS = 0, 16, 40
ATTRIBUTES_OF = 0x100
"""Where mem_attr_array is in struct kvm."""

RELEASE, HOST = b"6.12.1", b"node-7"
BOOT_NS, WALL_NS = 5_000_000_000, 1_790_000_000_000_000_000

VM_FOPS, VCPU_FOPS, GMEM_FOPS = 0x1000, 0x2000, 0x3000


class FaultError(Exception):
    pass


class Number(int):
    """An integer, or a pointer that is followed by attributes."""

    def value_(self) -> int:
        return int(self)

    def address_of_(self) -> "Number":
        return self


class Text(bytes):
    def string_(self) -> bytes:
        return bytes(self)


class Struct(SimpleNamespace):
    """A structure at an address; a pointer to it is itself."""

    def value_(self) -> int:
        return int(self.address)

    def address_of_(self) -> "Struct":
        return self

    def __bool__(self) -> bool:
        return self.address != 0


class Spaces(list[Struct]):
    """kvm->memslots."""

    @property
    def type_(self) -> SimpleNamespace:
        return SimpleNamespace(length=len(self))


@dataclass
class Kernel:
    """What a drgn.Program is asked for."""

    vms: list[Struct] = field(default_factory=list)
    tasks: list[Struct] = field(default_factory=list)
    memory: dict[int, bytes] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.members.setdefault("struct kvm", {"mem_attr_array"})
        self.members.setdefault("struct kvm_gmem", set())
        for name, at in (("vm", VM_FOPS), ("vcpu", VCPU_FOPS), ("gmem", GMEM_FOPS)):
            self.variables[f"kvm_{name}_fops"] = Number(at)
        names = Struct(address=1, release=Text(RELEASE), nodename=Text(HOST))
        self.variables["init_uts_ns"] = Struct(address=1, name=names)

    def __getitem__(self, name: str) -> object:
        return Struct(address=1, vms=self.vms) if name == "vm_list" else self.variables[name]

    def type(self, name: str) -> SimpleNamespace:
        if name == "struct xa_node":
            slots = SimpleNamespace(name="slots", type=SimpleNamespace(length=FANOUT))
            return SimpleNamespace(members=[slots], name=name)
        members = self.members[name]
        return SimpleNamespace(has_member=lambda member: member in members)

    def read(self, address: int, size: int) -> bytes:
        if address not in self.memory:
            raise FaultError(hex(address))
        return self.memory[address][:size]

    def store(self, values: dict[int, int], array: int) -> Number:
        """Put an XArray into memory; returns its head."""
        if not values:
            return Number(0)
        shift = 0
        while max(values) >> (shift + 6):
            shift += 6
        return Number(self._node(values, shift, array) | 2)

    def _node(self, values: dict[int, int], shift: int, array: int) -> int:
        slots = [0] * FANOUT
        for number in sorted({index >> shift for index in values}):
            below = {i - (number << shift): v for i, v in values.items() if i >> shift == number}
            entry = below[0] << 1 | 1 if shift == 0 else self._node(below, shift - 6, array) | 2
            slots[number] = entry
        address = 0xFFFF_8880_0000_0000 + NODE_SIZE * (len(self.memory) + 1)
        head = struct.pack("<BBBBxxxxQQ16x", shift, 0, 0, 0, 0, array)
        self.memory[address] = head + struct.pack(f"<{FANOUT}Q", *slots)
        return address


def inode(ino: int, size: int, pages: int, flags: int) -> Struct:
    return Struct(
        address=ino,
        i_ino=Number(ino),
        i_size=Number(size),
        i_sb=Struct(address=1, s_dev=Number(13)),
        i_private=Number(flags),
        i_mapping=Struct(address=1, nrpages=Number(pages)),
    )


def task(pid: int, comm: str, files: list[tuple[int, Struct]], words: list[bytes]) -> Struct:
    return Struct(
        address=pid,
        pid=Number(pid),
        tgid=Number(pid),
        mm=Number(pid),
        comm=Text(comm.encode()),
        start_boottime=Number(1_234_567_890),
        files=files,
        words=words,
    )


def file(operations: int, private_data: Struct, of: Struct | None = None) -> Struct:
    return Struct(address=1, f_op=Number(operations), private_data=private_data, f_inode=of)


def spaces(slots: list[Struct], generation: int = 4) -> Spaces:
    tree = Struct(address=1, slots=slots)
    return Spaces(
        [Struct(address=1, generation=Number(generation), node_idx=Number(1), gfn_tree=tree)]
    )


def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`import drgn` finds what the reader uses of it."""
    root = ModuleType("drgn")
    offsets = {"shift": SHIFT, "array": ARRAY, "slots": SLOTS}
    parts: dict[str, dict[str, Any]] = {
        "drgn": {
            "FaultError": FaultError,
            "offsetof": lambda type_, name: offsets[name],
            "cast": lambda name, value: value,
            "container_of": lambda pointer, type_, member: pointer,
        },
        "drgn.helpers.linux.list": {"list_for_each_entry": _list_entries},
        "drgn.helpers.linux.rbtree": {"rbtree_inorder_for_each_entry": _slots_of},
        "drgn.helpers.linux.xarray": {
            "xa_for_each": lambda array: enumerate(array.entries),
            "xa_to_value": lambda entry: Number(entry >> 1),
        },
        "drgn.helpers.linux.mapletree": {"mt_for_each": lambda tree: iter(tree.ranges)},
        "drgn.helpers.linux.pid": {"for_each_task": lambda program: iter(program.tasks)},
        "drgn.helpers.linux.fs": {"for_each_file": lambda one: iter(one.files)},
        "drgn.helpers.linux.mm": {"cmdline": lambda one: one.words},
        "drgn.helpers.linux.timekeeping": {
            "ktime_get_coarse_boottime_ns": lambda program: Number(BOOT_NS),
            "ktime_get_coarse_real_ns": lambda program: Number(WALL_NS),
        },
    }
    for name, names in parts.items():
        module = root if name == "drgn" else ModuleType(name)
        vars(module).update(names)
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("drgn.helpers", "drgn.helpers.linux"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))


def _list_entries(type_: str, head: Struct, member: str) -> Iterator[Struct]:
    assert (type_, member) == ("struct kvm", "vm_list")
    return iter(head.vms)


def _slots_of(type_: str, tree: Struct, links: str) -> Iterable[Struct]:
    assert (type_, links) == ("struct kvm_memory_slot", "gfn_node[1]")
    return iter(tree.slots)
