"""Which VM a call belongs to: by struct kvm *, by process and fd, or by elimination."""

from app.model.guest import Certainty
from collector.assemble.identity._live_vm import Caller, LiveVm, Vcpu
from collector.assemble.identity._vms import Vms


class Finder:
    def __init__(self, vms: Vms) -> None:
        self._vms = vms

    def find(self, caller: Caller, *, was_accepted: bool = False) -> LiveVm | None:
        """The VM that a VM ioctl went to, if it is known already; `is_certain`: how well.

        KVM refuses calls of other processes than the VM's (kvm_vm_ioctl in virt/kvm/kvm_main.c),
        so a thread whose call it accepted is of the one that has the VM.
        """
        if self._vms.only is not None:
            return self._vms.only
        found = self._vms.of_pointer(caller.kvm)
        if found is not None and was_accepted:
            self._vms.join(caller.tid, found)
        if found is None and caller.fd >= 0:
            found = self._by_fd(caller)
        if found is None:
            return None
        self._vms.used(caller.tid, found)
        if found.may_be_another or not self.is_certain(caller, found):
            found.may_be_another = False
            self._vms.known.doubt(found)
        return found

    def is_certain(self, caller: Caller, vm: LiveVm) -> bool:
        """Whether a VM that `find` found is the one for sure, and not that of a process which has
        the same number."""
        if self._vms.only is not None or vm.identity.is_unattributed:
            return True
        if self._vms.of_pointer(caller.kvm) is vm:
            return True
        return self._vms.file(caller.tid, caller.fd) is vm

    def find_or_create(self, caller: Caller, now: int, *, was_accepted: bool = True) -> LiveVm:
        """The VM of a call that KVM accepted; one that was never seen before is made known.

        Returns the unattributed one if it may be of several, one of which was seen to be made.
        """
        found = self.find(caller, was_accepted=was_accepted)
        if found is not None and self.is_certain(caller, found):
            self._vms.adopt(found, caller, now)
            return found
        if not caller.kvm:
            self._vms.distrust_hints(caller)
        if found is not None:
            return found
        owner = self._vms.owner(caller.tid)
        is_named = bool(caller.kvm) or self._vms.hints.has(owner, caller.fd)
        hint = self._vms.hints.take(owner, caller.fd)
        if not is_named and (caller.fd < 0 or self._may_be_of_one_made_here(caller)):
            return self._vms.known.unattributed
        certainty = Certainty.UNKNOWN if hint is None else Certainty.INFERRED
        self._end_predecessor(caller, now if hint is None else hint)
        return self._vms.create(caller, hint, certainty, None, now)

    def _may_be_of_one_made_here(self, caller: Caller) -> bool:
        return any(vm.was_made_here for vm in self._vms.rivals.candidates(caller))

    def of_thread(self, tid: int, fd: int) -> LiveVm | None:
        """The VM that a vCPU thread runs: by its vCPU's fd, its last VM ioctl, or elimination."""
        if self._vms.only is not None:
            return self._vms.only
        file = self._vms.file(tid, fd) if fd >= 0 else None
        if isinstance(file, Vcpu):
            return file.vm
        vm = self._vms.last_of(tid)
        if vm is not None:
            return vm
        own = list(self._vms.known.of_process(self._vms.owner(tid)))
        if own:
            return own[0] if len(own) == 1 else None
        others = self._vms.rivals.of_whom(tid)
        if len(others) != 1:
            return None
        self._vms.known.doubt(others[0])
        return others[0]

    def _by_fd(self, caller: Caller) -> LiveVm | None:
        file = self._vms.file(caller.tid, caller.fd)
        if isinstance(file, LiveVm):
            differs = caller.kvm and file.kvm is not None and file.kvm != caller.kvm
            return None if differs else file
        if caller.kvm or self._vms.hints.has(self._vms.owner(caller.tid), caller.fd):
            return None
        # A process whose VM was made while it was watched has more threads, as a rule: what they
        # do is taken for its, under doubt. Those of VMs that were there before are not
        # distinguished from others so, and stand alone.
        candidates = self._vms.rivals.candidates(caller)
        is_one = len(candidates) == 1 and candidates[0].was_made_here
        return candidates[0] if is_one else None

    def _end_predecessor(self, caller: Caller, t: int) -> None:
        """The fd names another VM now, so the one it named before was closed."""
        if caller.fd >= 0:
            self._vms.close(caller.tid, caller.fd, t, is_inferred=True)
