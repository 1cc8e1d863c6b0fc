"""Which process has which VM, vCPU and guest_memfd open, and under which numbers."""

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.model.guest import PAGE_SHIFT
from collector.capture.inventory import guest_called
from collector.capture.kernel_memory._program import Program
from collector.vm_inventory import FoundMemfd, FoundPopulation, VmmFacts

MINOR_BITS = 20
TICK_NS = 10_000_000
"""/proc/PID/stat has the start of a process in ticks of 1/100 s."""


@dataclass(slots=True)
class Names:
    """What of a VM its process has open, by descriptor."""

    process: VmmFacts
    vms: list[int] = field(default_factory=list)
    vcpus: dict[int, int] = field(default_factory=dict)
    memfds: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    files: dict[int, FoundMemfd] = field(default_factory=dict)  # by inode, without numbers yet

    def guest_memfds(self) -> tuple[FoundMemfd, ...]:
        return tuple(
            FoundMemfd(
                tuple(self.memfds[ino]), one.dev, ino, one.size, one.flags, None, one.population
            )
            for ino, one in self.files.items()
        )


def names_by_vm(program: Program, address_spaces: set[int]) -> dict[int, Names]:
    """struct kvm * -> its names in the process that may use it; `address_spaces` are kvm->mm."""
    found: dict[int, Names] = {}
    for task in _processes(program, address_spaces):
        facts = _facts(task)
        for fd, kind, file in _kvm_files(program, task):
            kvm = _vm_of(program, kind, file)
            names = found.setdefault(kvm, Names(facts))
            if names.process != facts:
                continue
            if kind == "vm":
                names.vms.append(fd)
            elif kind == "vcpu":
                names.vcpus[fd] = _private_data(file, "struct kvm_vcpu").vcpu_id.value_()
            else:
                memfd = _memfd(program, file)
                names.memfds[memfd.ino].append(fd)
                names.files[memfd.ino] = memfd
    return found


def _processes(program: Program, address_spaces: set[int]) -> Iterator[Program]:
    from drgn.helpers.linux.pid import for_each_task

    for task in for_each_task(program):
        is_process = task.pid.value_() == task.tgid.value_()
        if is_process and task.mm.value_() in address_spaces:
            yield task


def _kvm_files(program: Program, task: Program) -> Iterator[tuple[int, str, Program]]:
    from drgn.helpers.linux.fs import for_each_file

    kinds = dict(_kinds(program))
    for fd, file in for_each_file(task):
        kind = kinds.get(file.f_op.value_())
        if kind is not None:
            yield int(fd), kind, file


def _kinds(program: Program) -> Iterator[tuple[int, str]]:
    """The file operations by which files are known to be KVM's."""
    for name, kind in (
        ("kvm_vm_fops", "vm"),
        ("kvm_vcpu_fops", "vcpu"),
        ("kvm_gmem_fops", "memfd"),
    ):
        try:
            yield program[name].address_of_().value_(), kind
        except LookupError:
            continue


def _vm_of(program: Program, kind: str, file: Program) -> int:
    if kind == "vm":
        return int(file.private_data.value_())
    name = "struct kvm_vcpu" if kind == "vcpu" else _gmem_type(program)
    return int(_private_data(file, name).kvm.value_())


def _gmem_type(program: Program) -> str:
    """Called struct kvm_gmem before it shared its inode's state with others (Linux 6.19)."""
    try:
        program.type("struct gmem_file")
    except LookupError:
        return "struct kvm_gmem"
    return "struct gmem_file"


def _private_data(file: Program, type_name: str) -> Program:
    from drgn import cast

    return cast(f"{type_name} *", file.private_data)


def _memfd(program: Program, file: Program) -> FoundMemfd:
    inode = file.f_inode
    size = inode.i_size.value_()
    dev = inode.i_sb.s_dev.value_()
    return FoundMemfd(
        fds=(),
        dev=os.makedev(dev >> MINOR_BITS, dev & (1 << MINOR_BITS) - 1),
        ino=inode.i_ino.value_(),
        size=size,
        flags=_flags(program, inode),
        population=(FoundPopulation(0, size >> PAGE_SHIFT, inode.i_mapping.nrpages.value_()),),
    )


def _flags(program: Program, inode: Program) -> int:
    """Of KVM_CREATE_GUEST_MEMFD: in the inode's own struct or, before that, in i_private."""
    from drgn import container_of

    try:
        if program.type("struct gmem_inode").has_member("flags"):
            return int(container_of(inode, "struct gmem_inode", "vfs_inode").flags.value_())
    except LookupError:
        pass
    return int(inode.i_private.value_())


def _facts(task: Program) -> VmmFacts:
    command = task.comm.string_().decode(errors="replace")
    start_ns = task.start_boottime.value_() // TICK_NS * TICK_NS
    name, uuid = _guest_called(task)
    return VmmFacts(task.pid.value_(), start_ns, command, name, uuid)


def _guest_called(task: Program) -> tuple[str | None, str | None]:
    """A vmcore seldom holds a process's own memory, where its command line is."""
    from drgn import FaultError
    from drgn.helpers.linux.mm import cmdline

    try:
        words = [word.decode(errors="replace") for word in cmdline(task) or ()]
    except (FaultError, LookupError, ValueError):
        return None, None
    return guest_called(words[0], words[1:]) if words else (None, None)
