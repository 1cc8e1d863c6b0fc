"""All VMs that the kernel knows, with their memslots and which of their pages are private."""

from collections.abc import Iterator

from app.model.guest import PAGE_SHIFT
from collector.capture.kernel_memory._attributes import private_runs
from collector.capture.kernel_memory._owners import Names, names_by_vm
from collector.capture.kernel_memory._program import KernelUnreadableError, Program
from collector.capture.kernel_memory._xarrays import TornError
from collector.kvm import uapi
from collector.vm_inventory import FoundMemslot, FoundVm, VmmFacts

USER_FLAGS = 0xFFFF
"""From bit 16 on the flags of a slot are KVM's own (include/linux/kvm_host.h)."""

TRIES = 5


def kernel_vms(program: Program) -> list[FoundVm]:
    """Raises KernelUnreadableError where memory does not hold KVM's structures.

    The kernel goes on meanwhile: what changed while it was read is read again.
    """
    from drgn import FaultError

    reason: Exception | None = None
    for _ in range(TRIES):
        try:
            return _vms(program)
        except (FaultError, TornError) as error:
            reason = error
        except (AttributeError, LookupError) as error:
            reason = KernelUnreadableError(f"this kernel keeps its VMs in another way: {error}")
            raise reason from error
    raise KernelUnreadableError(f"kernel memory changed faster than it was read: {reason}")


def _vms(program: Program) -> list[FoundVm]:
    from drgn.helpers.linux.list import list_for_each_entry

    vms = list(list_for_each_entry("struct kvm", program["vm_list"].address_of_(), "vm_list"))
    names = names_by_vm(program, {kvm.mm.value_() for kvm in vms})
    return [_vm(program, kvm, names.get(kvm.value_())) for kvm in vms]


def _vm(program: Program, kvm: Program, names: Names | None) -> FoundVm:
    before = _generations(kvm)
    slots = [(as_id, slot) for as_id, slot in _slots(kvm)]
    found = FoundVm(
        process=_unnamed(kvm) if names is None else names.process,
        fds=() if names is None else tuple(names.vms),
        vcpus={} if names is None else names.vcpus,
        memfds=() if names is None else names.guest_memfds(),
        memslots=tuple(_memslot(as_id, slot) for as_id, slot in slots),
        memslots_are_complete=True,
        threads=dict(_threads(kvm)),
        attributes=private_runs(program, kvm, [slot for _, slot in slots]),
        kvm_pointer=kvm.value_(),
        vm_type=_vm_type(kvm),
    )
    if _generations(kvm) != before:
        raise TornError("memslots")
    return found


def _unnamed(kvm: Program) -> VmmFacts:
    """A VM that no descriptor names any more: a guest_memfd, or a call at hand, keeps it."""
    return VmmFacts(kvm.userspace_pid.value_(), 0, "")


def _generations(kvm: Program) -> list[int]:
    return [slots.generation.value_() for slots in _address_spaces(kvm)]


def _address_spaces(kvm: Program) -> Iterator[Program]:
    for as_id in range(kvm.memslots.type_.length):
        yield kvm.memslots[as_id]


def _slots(kvm: Program) -> Iterator[tuple[int, Program]]:
    """By address space and gfn. KVM keeps two sets of links, of which one is in use."""
    from drgn.helpers.linux.rbtree import rbtree_inorder_for_each_entry

    for as_id, slots in enumerate(_address_spaces(kvm)):
        links = f"gfn_node[{slots.node_idx.value_()}]"
        tree = slots.gfn_tree.address_of_()
        for slot in rbtree_inorder_for_each_entry("struct kvm_memory_slot", tree, links):
            if slot.id.value_() < uapi.KVM_USER_MEM_SLOTS:
                yield as_id, slot


def _memslot(as_id: int, slot: Program) -> FoundMemslot:
    file = slot.gmem.file if hasattr(slot, "gmem") else None  # CONFIG_KVM_PRIVATE_MEM
    return FoundMemslot(
        base_gfn=slot.base_gfn.value_(),
        npages=slot.npages.value_(),
        userspace_addr=slot.userspace_addr.value_(),
        slot=slot.id.value_(),
        as_id=as_id,
        flags=slot.flags.value_() & USER_FLAGS,
        memfd_ino=file.f_inode.i_ino.value_() if file else None,
        memfd_offset=slot.gmem.pgoff.value_() << PAGE_SHIFT if file else None,
    )


def _threads(kvm: Program) -> Iterator[tuple[int, int]]:
    """The thread that ran each vCPU last, and the vCPU's id."""
    from drgn.helpers.linux.xarray import xa_for_each

    for _, entry in xa_for_each(kvm.vcpu_array.address_of_()):
        vcpu = _as_vcpu(entry)
        if vcpu.pid:
            yield vcpu.pid.numbers[0].nr.value_(), vcpu.vcpu_id.value_()


def _as_vcpu(entry: Program) -> Program:
    from drgn import cast

    return cast("struct kvm_vcpu *", entry)


def _vm_type(kvm: Program) -> int | None:
    """x86 only."""
    try:
        vm_type: int = kvm.arch.vm_type.value_()
    except AttributeError:
        return None
    return vm_type
