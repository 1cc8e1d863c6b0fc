"""What descriptors name: VMs, vCPUs and guest_memfds, by process and number; and which may name
VMs whose creation was seen in part."""

import os
from collections.abc import Callable, Iterable, Iterator

from collector.assemble.identity._live_vm import LiveVm, OpenFile, Vcpu
from collector.assemble.memslots import GuestMemfdFile, Inode

MayBeOne = Callable[[int, int], bool]
"""Whether two groups of threads may be of one process."""


class CreationHints:
    """An ioctl whose entry was not recorded returned such a number: perhaps KVM_CREATE_VM."""

    def __init__(self) -> None:
        self._hints: dict[tuple[int, int], int | None] = {}  # None: made, but in use since

    def add(self, owner: int, fd: int, t: int) -> None:
        self._hints[owner, fd] = t

    def has(self, owner: int, fd: int) -> bool:
        return (owner, fd) in self._hints

    def take(self, owner: int, fd: int) -> int | None:
        """When the VM was created, if that is known; it is found from now on."""
        return self._hints.pop((owner, fd), None)

    def clear(self) -> None:
        self._hints.clear()

    def distrust(self, owner: int, fd: int, may_be_one: MayBeOne) -> None:
        """A VM that a thread of another process seems to have may be one that is hinted at, and is
        not fresh any more."""
        for process, hinted in list(self._hints):
            is_alike = hinted == fd and process != owner
            if is_alike and may_be_one(owner, process):
                self._hints[process, hinted] = None


KERNEL_MINOR_BITS = 20
"""MINORBITS (include/linux/kdev_t.h): stat(2) encodes devices otherwise than kernel events do."""


class OpenFiles:
    def __init__(self) -> None:
        self._files: dict[int, dict[int, OpenFile]] = {}  # by owner; none of them is empty
        self._memfds: dict[tuple[int, int], GuestMemfdFile] = {}  # by inode, open or not

    def get(self, owner: int, fd: int) -> OpenFile | None:
        return self._files[owner].get(fd) if owner in self._files else None

    def open(self, owner: int, fd: int, file: OpenFile) -> None:
        """`fd` names `file`; it must name nothing yet."""
        self._put(owner, fd, file)
        if isinstance(file, LiveVm):
            file.fds.add(fd)
        elif isinstance(file, Vcpu):
            file.vm.vcpu_fds += 1
        elif file.inode is not None:
            self.know_inode(file, file.inode)

    def close(self, owner: int, fd: int, *, is_inferred: bool) -> LiveVm | None:
        """Returns the VM that ends by that, if one does: with the last fd, its own or a vCPU's, by
        which it could be run or changed.

        (Its guest_memfds keep struct kvm in memory longer still, but nothing can be done to it.)
        Where closing was not seen, that of vCPUs was not either: the VM's own fds alone count.
        """
        file = self._pop(owner, fd)
        if isinstance(file, LiveVm):
            file.fds.discard(fd)
            return file if not file.fds and (is_inferred or not file.vcpu_fds) else None
        if isinstance(file, Vcpu):
            vm = file.vm
            vm.vcpu_fds -= 1
            is_last = not vm.fds and not vm.vcpu_fds and vm.identity.vm_fd is not None
            return vm if is_last else None
        return None

    def move(self, old: int, new: int) -> Iterator[LiveVm]:
        """All that is open there is open here: what was seen to be opened here under the same
        number is newer. Yields the VMs that it is in the place of."""
        for fd in self.numbers(old):
            file = self._pop(old, fd)
            if file is not None and self.get(new, fd) is None:
                self._put(new, fd, file)
            elif isinstance(file, LiveVm):
                yield file

    def numbers(self, owner: int) -> list[int]:
        return list(self._files.get(owner, ()))

    def has(self, owner: int) -> bool:
        """Whether something is open there."""
        return owner in self._files

    def guest_memfds(self) -> frozenset[GuestMemfdFile]:
        """Those that a descriptor names."""
        every = (file for files in self._files.values() for file in files.values())
        return frozenset(file for file in every if isinstance(file, GuestMemfdFile))

    def know_inode(self, file: GuestMemfdFile, inode: Inode) -> None:
        """By that, the page cache names the file."""
        file.inode = inode
        device = os.major(inode[0]) << KERNEL_MINOR_BITS | os.minor(inode[0])
        self._memfds[device, inode[1]] = file

    def of_inode(self, device: int, ino: int) -> GuestMemfdFile | None:
        """The guest_memfd with that inode, if it is known; the device as kernel events have it."""
        return self._memfds.get((device, ino))

    def forget_vm(self, vm: LiveVm) -> None:
        """Guest_memfds outlive the descriptors of their VM."""
        for owner in list(self._files):
            for fd in [fd for fd, file in self._files[owner].items() if _belongs(file, vm)]:
                self._pop(owner, fd)

    def forget_owner(self, owner: int) -> None:
        self._files.pop(owner, None)

    def forget_inodes(self, files: Iterable[GuestMemfdFile]) -> None:
        """Nothing is reported of these guest_memfds any more."""
        gone = frozenset(files)
        self._memfds = {inode: file for inode, file in self._memfds.items() if file not in gone}

    def _put(self, owner: int, fd: int, file: OpenFile) -> None:
        self._files.setdefault(owner, {})[fd] = file

    def _pop(self, owner: int, fd: int) -> OpenFile | None:
        file = self._files[owner].pop(fd, None) if owner in self._files else None
        if owner in self._files and not self._files[owner]:
            del self._files[owner]
        return file


def _belongs(file: OpenFile, vm: LiveVm) -> bool:
    return file is vm or (isinstance(file, Vcpu) and file.vm is vm)
