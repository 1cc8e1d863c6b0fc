"""The calls that ioctls on VMs and guest_memfds are, whichever event records them."""

from app.model.guest import EventKind as Kind
from collector.codes import SAW_GMEM, CallCode
from collector.kvm import uapi
from collector.kvm._row import STRUCT, Call, Letter, Range, VmBy

SET_ATTRIBUTES_CALL = Call(
    CallCode.SET_ATTRIBUTES,
    Kind.CONVERSION,
    is_system_call=True,
    address=0,
    size=1,
    aux=2,
    range=Range.BY_STRUCT,
    vm_by=VmBy.VM_IOCTL,
    letters=(
        Letter(
            "A", "SET_MEMORY_ATTRIBUTES", STRUCT, 4, uapi.KVM_SET_MEMORY_ATTRIBUTES, is_caused=True
        ),
    ),
)
SET_ATTRIBUTES2_CALL = Call(
    CallCode.SET_ATTRIBUTES2,
    Kind.CONVERSION,
    is_system_call=True,
    address=0,
    size=1,
    aux=2,
    vm_by=VmBy.FILE,
    letters=(
        Letter(
            "B",
            "SET_MEMORY_ATTRIBUTES2",
            STRUCT,
            5,
            uapi.KVM_SET_MEMORY_ATTRIBUTES2,
            is_caused=True,
        ),
    ),
)
SET_REGION_CALL = Call(
    CallCode.SET_REGION,
    Kind.MEMSLOT,
    is_system_call=True,
    address=1,
    size=2,
    aux=0,
    range=Range.BY_STRUCT,
    vm_by=VmBy.VM_IOCTL,
    is_flood=False,
    letters=(
        Letter("R", "SET_USER_MEMORY_REGION", STRUCT, 4, uapi.KVM_SET_USER_MEMORY_REGION),
        Letter(
            "S", "SET_USER_MEMORY_REGION2", STRUCT | SAW_GMEM, 6, uapi.KVM_SET_USER_MEMORY_REGION2
        ),
    ),
)
CREATE_GUEST_MEMFD_CALL = Call(
    CallCode.CREATE_GUEST_MEMFD,
    Kind.GUEST_MEMFD,
    is_system_call=True,
    size=0,
    aux=1,
    range=Range.BY_STRUCT,
    vm_by=VmBy.VM_IOCTL,
    is_flood=False,
    letters=(Letter("M", "CREATE_GUEST_MEMFD", STRUCT, 2, uapi.KVM_CREATE_GUEST_MEMFD),),
)


def registration(code: CallCode, kind: Kind, letter: Letter) -> Call:
    return Call(code, kind, is_system_call=True, aux=0, vm_by=VmBy.VM_IOCTL, letters=(letter,))
