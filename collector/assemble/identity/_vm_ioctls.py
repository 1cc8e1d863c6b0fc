"""When an fd or a thread was last in a VM ioctl: what may be known of it by then."""

from collections import defaultdict
from functools import cached_property

import numpy as np
import numpy.typing as npt

from collector.kvm.catalogue import VmBy, calls
from collector.records import CallArray

VM_IOCTLS = tuple(call.code for call in calls().values() if call.vm_by is VmBy.VM_IOCTL)


class VmIoctls:
    """The VM ioctls among some calls, found for all calls at once when the first one asks."""

    def __init__(self, calls: CallArray) -> None:
        self._calls = calls

    def last_on_fd(self, at: int) -> int:
        """Index of the last one before the call at `at` on its fd, in any process; else -1."""
        return int(self._on_fd[at])

    def last_by_thread(self, at: int) -> int:
        """Index of the last one before the call at `at` by its thread; else -1."""
        return int(self._by_thread[at])

    def threads_on_fd(self, fd: int) -> frozenset[int]:
        """Those that make one on `fd` in these calls."""
        return self._threads_by_fd.get(fd, frozenset())

    @cached_property
    def _threads_by_fd(self) -> dict[int, frozenset[int]]:
        ones = self._calls[np.isin(self._calls["code"], VM_IOCTLS)]
        threads: defaultdict[int, set[int]] = defaultdict(set)
        for fd, tid in np.unique(ones[["fd", "tid"]]).tolist():
            threads[fd].add(tid)
        return {fd: frozenset(tids) for fd, tids in threads.items()}

    @cached_property
    def _on_fd(self) -> npt.NDArray[np.int64]:
        return self._last_of_same(self._calls["fd"])

    @cached_property
    def _by_thread(self) -> npt.NDArray[np.int64]:
        return self._last_of_same(self._calls["tid"])

    def _last_of_same(self, keys: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """For each call the last VM ioctl up to it with its key."""
        count = len(keys)
        order = np.argsort(keys, kind="stable")
        is_one = np.isin(self._calls["code"], VM_IOCTLS)
        own = np.where(is_one, np.arange(count), -1)[order]
        # Each key's indices lie above those of the key before, so that the running maximum of all
        # is that of each.
        above = np.cumsum(np.diff(keys[order], prepend=keys[order[:1]]) != 0) * (count + 1)
        last = np.empty(count, np.int64)
        last[order] = np.maximum.accumulate(own + above) - above
        return last
