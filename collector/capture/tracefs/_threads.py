"""Which process each thread belongs to, and what those are called that have VMs."""

from pathlib import Path

import numpy as np

from collector.capture.tracefs._left_behind import TRACEFS
from collector.codes import CallCode
from collector.kvm import uapi
from collector.records import CallArray

_THREADS = (1 << 22) + 1  # PID_MAX_LIMIT, include/linux/threads.h
_GONE = -1  # its group: it was no more when looked up
_NAMED = (
    CallCode.CREATE_VM,
    CallCode.CREATE_VCPU,
    CallCode.CREATE_GUEST_MEMFD,
    CallCode.SET_REGION,
    CallCode.SET_ATTRIBUTES,
    CallCode.SET_ATTRIBUTES2,
    CallCode.REGISTER_REGION,
    CallCode.UNREGISTER_REGION,
)


class Threads:
    """Learns births and deaths from the kernel, so /proc is asked once for each older thread."""

    def __init__(self, root: Path = TRACEFS) -> None:
        self.command_names: dict[int, str] = {}
        self._ended: list[int] = []  # in the calls before: their VMs are named by now
        self._root = root
        self._group_of = np.zeros(_THREADS, np.int32)  # 0: not known; the pages used are few

    def complete(self, calls: CallArray) -> None:
        """Fill in the thread groups of calls in order of time, and learn from them."""
        if not len(calls):
            return
        tids = np.clip(calls["tid"], 0, _THREADS - 1)
        for tid in self._ended:
            self.command_names.pop(tid, None)
        births = calls[calls["code"] == CallCode.NEW_TASK]
        for tid in self.command_names.keys() & set(births["v"][:, 0].tolist()):
            del self.command_names[tid]
        self._take_births(births)
        groups = self._group_of[tids]
        if not groups.all():
            for tid in np.unique(tids[groups == 0]).tolist():
                self._group_of[tid] = _group_of(tid)
            self._take_births(births)
            groups = self._group_of[tids]
        calls["tgid"] = np.maximum(groups, 0)
        for tid in np.unique(calls["tid"][np.isin(calls["code"], _NAMED)]).tolist():
            self._learn_name(tid)
        exits = calls["v"][calls["code"] == CallCode.PROCESS_EXIT, 0]
        self._ended = exits.tolist()
        self._group_of[exits[exits < _THREADS].astype(np.int64)] = 0  # its number may be given anew
        if (calls["code"] == CallCode.LOSS_END).any():
            self._group_of[np.flatnonzero(self._group_of)] = 0  # any may have been given anew

    def _take_births(self, births: CallArray) -> None:
        children = births["v"][:, 0].astype(np.int64)
        is_thread = births["v"][:, 1] & uapi.CLONE_THREAD != 0
        self._group_of[children[~is_thread]] = children[~is_thread]
        of_parents = self._group_of[births["tid"][is_thread]]
        self._group_of[children[is_thread]] = np.maximum(of_parents, 0)

    def _learn_name(self, tid: int) -> None:
        """While it lives; the kernel keeps the names of a hundred threads that it traced last."""
        if tid in self.command_names:
            return
        try:
            self.command_names[tid] = Path(f"/proc/{tid}/comm").read_text().strip()
        except OSError:
            name = _saved_names(self._root).get(tid)
            if name is not None:
                self.command_names[tid] = name


def _group_of(tid: int) -> int:
    if tid == 0:
        return _GONE
    try:
        text = Path(f"/proc/{tid}/status").read_text()
    except OSError:
        return _GONE
    return int(text.partition("\nTgid:")[2].split(maxsplit=1)[0])


def _saved_names(root: Path) -> dict[int, str]:
    try:
        lines = (root / "saved_cmdlines").read_text(errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.split(" ", 1) for line in lines if " " in line)
    return {int(tid): name for tid, name in pairs if tid.isdigit()}
