"""Which descriptors of VMs and guest_memfds processes have: close_range() closes some of them."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from collector.records import SAW_ENTER, SAW_EXIT, CallArray, CallCode
from collector.sources.bpftrace_shapes import CLOSE_RANGE

_OPENS = (CallCode.CREATE_VM, CallCode.CREATE_GUEST_MEMFD, CallCode.DUP)


class OpenFiles:
    """Follows calls in order of time."""

    def __init__(self, known: Iterable[tuple[int, int]] = ()) -> None:
        """`known`: (process, descriptor) of those that were open before."""
        self._of: defaultdict[int, set[int]] = defaultdict(set)
        for process, fd in known:
            self._of[process].add(fd)

    def with_closes(self, calls: CallArray) -> CallArray:
        """The calls with a CLOSE of each descriptor in place of a close_range()."""
        ranges = np.flatnonzero(calls["code"] == CLOSE_RANGE)
        parts, start = [], 0
        for at in ranges.tolist():
            self._follow(calls[start:at])
            parts += [calls[start:at], self._closes(calls[at])]
            start = at + 1
        self._follow(calls[start:])
        return np.concatenate((*parts, calls[start:])) if parts else calls

    def _follow(self, calls: CallArray) -> None:
        opens = np.isin(calls["code"], _OPENS) & (calls["ret"] >= 0)
        for call in calls[opens]:
            self._of[int(call["tgid"])].add(int(call["ret"]))
        for call in calls[calls["code"] == CallCode.CLOSE]:
            self._of[int(call["tgid"])].discard(int(call["fd"]))
        for call in calls[calls["code"] == CallCode.PROCESS_EXIT]:
            if call["v"][1] == 1:
                self._of.pop(int(call["tgid"]), None)

    def _closes(self, call: np.void) -> CallArray:
        first, last = int(call["fd"]) & 0xFFFFFFFF, int(call["v"][0])
        files = self._of[int(call["tgid"])]
        closed = sorted(fd for fd in files if first <= fd <= last and call["ret"] == 0)
        files.difference_update(closed)
        rows = np.repeat(np.array([call]), len(closed))
        rows["code"], rows["fd"], rows["v"] = CallCode.CLOSE, closed, 0
        rows["flags"] = SAW_ENTER | SAW_EXIT
        return rows
