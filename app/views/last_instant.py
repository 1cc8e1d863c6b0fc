"""When a VM was last seen: what is shown where no instant is named."""

from app.store.reader import Reader
from app.store.tables import Vm
from app.views.row_ids import row_id


def last_instant(reader: Reader, vm: Vm) -> int:
    """The last instant of the VM's life that is stored, ns since the recording's start.

    At its end, a VM's memslots are gone already: the instant before is the last to look at.
    """
    _, end = reader.span(row_id(vm))
    return end if vm.ended_t is None else max(0, min(end, vm.ended_t - 1))
