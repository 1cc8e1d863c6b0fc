"""When a VM was last seen: what is shown where no instant is named."""

from typing import TYPE_CHECKING

from app.queries.figures._row_ids import row_id
from app.store.schema import Vm

if TYPE_CHECKING:
    from app.store.read import Reader


def last_instant(reader: "Reader", vm: Vm) -> int:
    """The last instant of the VM's life that is stored, ns since the recording's start.

    At its end, a VM's memslots are gone already: the instant before is the last to look at.
    """
    _, end = reader.span(row_id(vm))
    return end if vm.ended_t is None else max(0, min(end, vm.ended_t - 1))
