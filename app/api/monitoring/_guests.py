"""Guests as metrics name them: by uuid and name, however many recordings hold them."""

from dataclasses import dataclass

from app.queries.figures import row_id
from app.store.read import Reader
from app.store.schema import Vm


@dataclass(frozen=True, slots=True)
class Guest:
    """The VMs of one uuid and name, oldest first: one for each recording that holds it."""

    uuid: str
    name: str
    vms: list[Vm]

    @property
    def labels(self) -> dict[str, str]:
        return {"uuid": self.uuid, "name": self.name}

    @property
    def ids(self) -> list[int]:
        return [row_id(vm) for vm in self.vms]

    @property
    def latest(self) -> list[Vm]:
        """Those of its newest recording: mostly one."""
        return [vm for vm in self.vms if vm.recording_id == self.vms[-1].recording_id]


def guests(reader: Reader) -> list[Guest]:
    """By what the VMM calls the guest; of one that is called nothing, by gmemscope's own uuid."""
    found: dict[tuple[str, str], Guest] = {}
    for vm in reader.vms(include_unattributed=True):
        key = vm.guest_uuid or vm.uuid, vm.name
        found.setdefault(key, Guest(*key, [])).vms.append(vm)
    return list(found.values())
