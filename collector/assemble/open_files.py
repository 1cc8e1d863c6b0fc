"""What descriptors name: VMs, vCPUs and guest_memfds, by process and number."""

from collections.abc import Callable

from collector.assemble.live_vm import LiveVm, OpenFile, Vcpu


class OpenFiles:
    def __init__(self) -> None:
        self._files: dict[tuple[int, int], OpenFile] = {}
        self._owners: set[int] | None = None  # None: to be found out

    def get(self, owner: int, fd: int) -> OpenFile | None:
        return self._files.get((owner, fd))

    def put(self, owner: int, fd: int, file: OpenFile) -> None:
        self._files[owner, fd] = file
        self._owners = None

    def pop(self, owner: int, fd: int) -> OpenFile | None:
        self._owners = None
        return self._files.pop((owner, fd), None)

    def numbers(self, owner: int) -> list[int]:
        return [fd for process, fd in self._files if process == owner]

    def has(self, owner: int) -> bool:
        """Whether something is open there."""
        if self._owners is None:
            self._owners = {owner for owner, _ in self._files}
        return owner in self._owners

    def names(self, file: OpenFile) -> bool:
        """Whether a descriptor names it."""
        return any(one is file for one in self._files.values())

    def forget_vm(self, vm: LiveVm) -> None:
        """Guest_memfds outlive the descriptors of their VM."""
        self._keep(lambda _, file: not _belongs(file, vm))

    def forget_owner(self, owner: int) -> None:
        self._keep(lambda process, _: process != owner)

    def _keep(self, wanted: Callable[[int, OpenFile], bool]) -> None:
        self._files = {key: f for key, f in self._files.items() if wanted(key[0], f)}
        self._owners = None


def _belongs(file: OpenFile, vm: LiveVm) -> bool:
    return file is vm or (isinstance(file, Vcpu) and file.vm is vm)
