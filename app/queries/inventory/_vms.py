"""What is shown of a VM, and finding one by what people call it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from app.model.guest import Totals
from app.queries.figures import (
    AtLeast,
    TotalsView,
    bounded,
    figure,
    known_mixed,
    row_id,
    totals_view,
)
from app.store.catalogue import Catalogue
from app.store.errors import NotFound
from app.store.schema import Vm


@dataclass(frozen=True, slots=True)
class ConversionCounts:
    """Conversions by what became of them, and the pages they really changed. Null where the version
    that stored them did not count it."""

    requested: int
    applied: int
    failed: int
    unconfirmed: int
    to_unknown: Annotated[
        int | None, Field(description="Applied, but the direction is not recorded.")
    ]
    uncertain: Annotated[
        int | None,
        Field(
            description="Those that leave open which pages they changed: their range, direction or "
            "end is not recorded, or the state of their pages before is unknown. Events of kind "
            "doubt, conversions that may be of another VM, leave it open as well."
        ),
    ]
    effective_pages: int | None
    at_least: AtLeast


@dataclass(frozen=True, slots=True)
class VmView:
    """One VM of a recording."""

    id: int
    uuid: str
    name: str
    recording: int
    pid: Annotated[int | None, Field(description="Process of the VMM.", examples=[4242])]
    process_start_ns: Annotated[
        int | None,
        Field(description="When that process started, boot clock: with pid, it names it for good."),
    ]
    guest_uuid: Annotated[str | None, Field(description="What the VMM calls the guest.")]
    vm_fd: Annotated[int | None, Field(description="The VMM's file descriptor of the VM.")]
    vm_type: Annotated[int | None, Field(description="The argument of KVM_CREATE_VM.")]
    created_t: Annotated[int | None, Field(description="Null: before the recording, or unseen.")]
    created_certainty: Annotated[str, Field(description="seen, inferred or unknown")]
    ended_t: Annotated[int | None, Field(description="Null: not seen to end.")]
    ended_is_inferred: bool
    is_unattributed: Annotated[
        bool, Field(description="Holds what belongs to no VM that is known.")
    ]
    may_be_several: Annotated[
        bool,
        Field(
            description="Calls of several VMs may stand under this one, or some of its calls under "
            "another: nothing distinguishes the processes or descriptors. Pages that depend on it "
            "are unknown."
        ),
    ]
    start_state: Annotated[str, Field(description="What a page is until something is seen of it.")]
    span: Annotated[
        tuple[int, int],
        Field(
            description="First and last instant, ns since start.", examples=[[0, 60_000_000_000]]
        ),
    ]
    totals: Annotated[
        TotalsView, Field(description="Pages in memslots at the last instant of span.")
    ]
    mixed_2m: Annotated[
        int | None, Field(description="2 MiB blocks neither all private nor all shared.")
    ]
    conversions: ConversionCounts
    events: Annotated[
        dict[str, int], Field(description="Events by kind.", examples=[{"conversion": 434_176}])
    ]
    lost_events: int
    layout_is_known: Annotated[bool, Field(description="False: no memslot was ever seen.")]
    at_least: AtLeast


def vm_view(reader: Catalogue, vm: Vm) -> VmView:
    """Compose what is shown of a VM."""
    totals, mixed_blocks = last_totals(reader, vm)
    mixed_2m, least = known_mixed(mixed_blocks, totals, layout_is_known=vm.layout_is_known)
    return VmView(
        id=row_id(vm),
        uuid=vm.uuid,
        name=vm.name,
        recording=vm.recording_id,
        pid=vm.pid,
        process_start_ns=vm.process_start_ns,
        guest_uuid=vm.guest_uuid,
        vm_fd=vm.vm_fd,
        vm_type=vm.vm_type,
        created_t=vm.created_t,
        created_certainty=vm.created_certainty.name.lower(),
        ended_t=vm.ended_t,
        ended_is_inferred=vm.ended_is_inferred,
        is_unattributed=vm.is_unattributed,
        may_be_several=vm.may_be_several,
        start_state=vm.start_state.name.lower(),
        span=reader.span(row_id(vm)),
        totals=totals_view(totals, layout_is_known=vm.layout_is_known),
        mixed_2m=mixed_2m,
        conversions=conversion_counts([vm]),
        events=vm.events_by_kind,
        lost_events=vm.lost_events,
        layout_is_known=vm.layout_is_known,
        at_least=least,
    )


def conversion_counts(vms: Sequence[Vm]) -> ConversionCounts:
    """Of some VMs together."""
    to_unknown = [vm.to_unknown for vm in vms]
    uncertain = [vm.uncertain for vm in vms]
    may_be_more = any(_leaves_open(vm) for vm in vms)
    sums = {"effective_pages": sum(vm.effective_pages for vm in vms)}
    values, least = bounded(sums, sums if may_be_more else ())
    return ConversionCounts(
        requested=sum(vm.requested for vm in vms),
        applied=sum(vm.applied for vm in vms),
        failed=sum(vm.failed for vm in vms),
        unconfirmed=sum(vm.unconfirmed for vm in vms),
        to_unknown=None if None in to_unknown else sum(filter(None, to_unknown)),
        uncertain=None if None in uncertain else sum(filter(None, uncertain)),
        effective_pages=values["effective_pages"],
        at_least=least,
    )


def _leaves_open(vm: Vm) -> bool:
    """Whether it is open which pages changed."""
    if vm.uncertain is None:
        return vm.applied + vm.unconfirmed > 0
    return vm.uncertain > 0 or vm.events_by_kind.get("doubt", 0) > 0


def conversions_line(counts: ConversionCounts) -> str:
    """As commands print it."""
    changed = "which pages changed is not recorded"
    if counts.effective_pages is not None:
        changed = f"{figure(counts, 'effective_pages', '{:,}'.format)} pages changed"
    return (
        f"{counts.requested:,} conversions: {counts.applied:,} applied, {counts.failed:,} failed, "
        f"{counts.unconfirmed:,} unconfirmed; {changed}"
    )


def last_totals(reader: Catalogue, vm: Vm) -> tuple[Totals, int]:
    """Pages by state and mixed 2 MiB blocks at the last instant of the VM's life."""
    is_kept = vm.ended_t is None or vm.pages_t is not None
    if is_kept and not reader.losses_by_damage(row_id(vm)):
        return Totals(vm.private_pages, vm.shared_pages, vm.unknown_pages), vm.mixed_blocks
    # Kept by an earlier gmemscope, or its last event took effect as it ended; or not to be known.
    from app.queries.figures import last_instant
    from app.store.read import Reader

    reader = reader if isinstance(reader, Reader) else Reader(reader.engine)
    page_map = reader.page_map_at(row_id(vm), last_instant(reader, vm))
    return page_map.totals(), page_map.mixed_blocks


def find_vm(reader: Catalogue, called: str) -> Vm:
    """Find a VM by id, uuid, or name. Raises NotFound if none, or more than one, is called so."""
    if called.isdecimal():
        return reader.vm(int(called))
    vms = reader.vms(include_unattributed=True)
    matches = [vm for vm in vms if called in (vm.uuid, vm.name)]
    if not matches:
        raise NotFound(f"no VM is called {called!r}; `gmemscope list` names them")
    if len(matches) > 1:
        ids = ", ".join(str(vm.id) for vm in matches)
        raise NotFound(f"several VMs are called {called!r}; use an id: {ids}")
    return matches[0]
