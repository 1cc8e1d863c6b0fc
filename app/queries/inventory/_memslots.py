"""What is shown of a memslot."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from app.model.guest import PAGE_SHIFT, Memslot
from app.queries.figures import hex_gpa


@dataclass(frozen=True, slots=True)
class MemslotView:
    """One memslot between two calls that changed it."""

    slot: Annotated[int | None, Field(description="Null: it has an id, but it is not known which.")]
    as_id: Annotated[int, Field(description="Address space: 1 is SMM on x86.")]
    base_gfn: int
    npages: int
    gpa: Annotated[str, Field(examples=["0x100000000"])]
    size: Annotated[int, Field(description="Bytes.")]
    flags: Annotated[int | None, Field(description="KVM_MEM_*. Null: not recorded.")]
    backing: Annotated[str, Field(description="hva, mixed or gmem")]
    backing_certainty: Annotated[str, Field(description="seen, inferred or unknown")]
    can_be_private: Annotated[bool, Field(description="False: only an hva backs it.")]
    userspace_addr: Annotated[
        str | None, Field(description="Null: not recorded.", examples=["0x7f3200000000"])
    ]
    guest_memfd: Annotated[int | None, Field(description="The VMM's file descriptor.")]
    guest_memfd_offset: Annotated[int | None, Field(description="Bytes.")]
    from_t: Annotated[int, Field(serialization_alias="from", description="ns since the start.")]
    to_t: Annotated[int | None, Field(serialization_alias="to", description="Null while alive.")]


def memslot_view(memslot: Memslot) -> MemslotView:
    return MemslotView(
        slot=memslot.slot if memslot.slot >= 0 else None,
        as_id=memslot.as_id,
        base_gfn=memslot.base_gfn,
        npages=memslot.npages,
        gpa=hex_gpa(memslot.base_gfn),
        size=memslot.npages << PAGE_SHIFT,
        flags=memslot.flags,
        backing=memslot.backing.value,
        backing_certainty=memslot.backing_certainty.name.lower(),
        can_be_private=memslot.backing.can_be_private,
        userspace_addr=None if memslot.userspace_addr is None else hex(memslot.userspace_addr),
        guest_memfd=memslot.guest_memfd,
        guest_memfd_offset=memslot.guest_memfd_offset,
        from_t=memslot.from_t,
        to_t=memslot.to_t,
    )
