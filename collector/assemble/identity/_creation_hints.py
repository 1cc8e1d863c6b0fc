"""Descriptors that may be those of VMs just created, whose creation was seen in part."""

from collections.abc import Callable

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
