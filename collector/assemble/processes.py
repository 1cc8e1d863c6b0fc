"""Which process a thread belongs to, as far as a recording tells."""

from collections import defaultdict
from collections.abc import Mapping

CLONE_THREAD = 0x10000


class Processes:
    """Thread id -> thread group id, learned from the source, from clone() or from use of VM fds."""

    def __init__(self, thread_groups: Mapping[int, int]) -> None:
        self._process_of: dict[int, int] = dict(thread_groups)
        self._threads: defaultdict[int, set[int]] = defaultdict(set)
        for tid, process in thread_groups.items():
            self._threads[process].add(tid)

    def of(self, tid: int) -> int | None:
        return self._process_of.get(tid)

    def threads(self, process: int) -> set[int]:
        """The threads known to be of a process. (A thread of no known process is its own.)"""
        return self._threads.get(process, set()) | {process}

    def learn(self, tid: int, process: int) -> None:
        known = self._process_of.get(tid)
        if known == process:
            return
        if known is not None:
            self._threads[known].discard(tid)
        self._process_of[tid] = process
        self._threads[process].add(tid)

    def cloned(self, parent: int, child: int, clone_flags: int) -> None:
        """task:task_newtask. A thread joins its parent's process; anything else is a new one."""
        if not clone_flags & CLONE_THREAD:
            self.learn(child, child)
            return
        process = self._process_of.get(parent)
        if process is None:
            # The parent is at least a thread of some process; without better knowledge, its own.
            process = parent
            self.learn(parent, parent)
        self.learn(child, process)

    def exited(self, tid: int, group_dead: int) -> int | None:
        """sched:sched_process_exit. Returns the process that ended with this thread, if one did.

        Kernels that do not tell `group_dead` (-1) leave it to the last thread we know of.
        """
        process = self._process_of.pop(tid, None)
        if process is None:
            return None
        self._threads[process].discard(tid)
        is_last = not self._threads[process]
        if group_dead == 1 or (group_dead < 0 and is_last):
            self._threads.pop(process, None)
            return process
        return None
