"""What descriptors name: VMs, vCPUs and guest_memfds, by process and number."""

from collections.abc import Iterator

from collector.assemble.live_vm import LiveVm, OpenFile, Vcpu
from collector.assemble.memslots import GuestMemfdFile


class OpenFiles:
    def __init__(self) -> None:
        self._files: dict[int, dict[int, OpenFile]] = {}  # by owner; none of them is empty

    def get(self, owner: int, fd: int) -> OpenFile | None:
        return self._files[owner].get(fd) if owner in self._files else None

    def put(self, owner: int, fd: int, file: OpenFile) -> None:
        self._files.setdefault(owner, {})[fd] = file

    def pop(self, owner: int, fd: int) -> OpenFile | None:
        file = self._files[owner].pop(fd, None) if owner in self._files else None
        if owner in self._files and not self._files[owner]:
            del self._files[owner]
        return file

    def numbers(self, owner: int) -> list[int]:
        return list(self._files.get(owner, ()))

    def has(self, owner: int) -> bool:
        """Whether something is open there."""
        return owner in self._files

    def memfds(self) -> frozenset[GuestMemfdFile]:
        """Those that a descriptor names."""
        every = (file for files in self._files.values() for file in files.values())
        return frozenset(file for file in every if isinstance(file, GuestMemfdFile))

    def guest_memfds(self) -> Iterator[GuestMemfdFile]:
        open_files = (file for files in self._files.values() for file in files.values())
        return (file for file in open_files if isinstance(file, GuestMemfdFile))

    def forget_vm(self, vm: LiveVm) -> None:
        """Guest_memfds outlive the descriptors of their VM."""
        for owner in list(self._files):
            for fd in [fd for fd, file in self._files[owner].items() if _belongs(file, vm)]:
                self.pop(owner, fd)

    def forget_owner(self, owner: int) -> None:
        self._files.pop(owner, None)


def _belongs(file: OpenFile, vm: LiveVm) -> bool:
    return file is vm or (isinstance(file, Vcpu) and file.vm is vm)
