"""What the processes that have VMs are."""

from collections.abc import Callable, Mapping

from app.model.guest import Certainty, PageState, VmIdentity
from collector.assemble.identity._live_vm import Caller
from collector.vm_inventory import VmmFacts

VmmOf = Callable[[int], VmmFacts | None]
"""What a process is, while it lives; None if it is gone."""


class Vmms:
    """Asked when a process's first VM appears: later it may be gone."""

    def __init__(self, vmm_of: VmmOf | None, command_names: Mapping[int, str]) -> None:
        self._vmm_of = vmm_of
        self._facts: dict[int, VmmFacts | None] = {}
        self._command_names = command_names

    def identity(
        self,
        caller: Caller,
        process: int,
        created: tuple[int | None, Certainty],
        start_state: PageState,
        vm_type: int | None,
    ) -> VmIdentity:
        """Of a VM that becomes known by a call of its process; `created` is when it was made."""
        vmm = self._of(process)
        named = None if vmm is None else vmm.name or vmm.command
        return VmIdentity(
            name=named or self._command_names.get(caller.tid) or f"pid {process}",
            pid=process,
            vm_fd=caller.fd if caller.fd >= 0 else None,
            created_t=created[0],
            created_certainty=created[1],
            start_state=start_state,
            vm_type=vm_type,
            kvm_pointer=caller.kvm or None,
            process_start_ns=None if vmm is None else vmm.start_ns,
            uuid=None if vmm is None else vmm.uuid,
        )

    def forget(self, process: int) -> None:
        """It ended, or runs another program."""
        self._facts.pop(process, None)

    def _of(self, process: int) -> VmmFacts | None:
        if process not in self._facts:
            self._facts[process] = None if self._vmm_of is None else self._vmm_of(process)
        return self._facts[process]
