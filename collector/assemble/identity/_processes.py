"""Which process a thread belongs to, as far as a recording shows."""

from collections import defaultdict
from collections.abc import Mapping

from collector.kvm import uapi


class Processes:
    """Thread id -> thread group id, learned from the source, from clone() or from use of a VM.

    A thread whose process nothing names, and the threads that it makes, are a group that stands for
    itself, named by its id: it may be a process, or part of any whose threads are not all known.
    Numbers are given in turn (kernel/pid.c), so a thread's holds for as long as it was not seen to
    have become another's.
    """

    def __init__(self, thread_groups: Mapping[int, int]) -> None:
        self._process_of: dict[int, int] = dict(thread_groups)
        self._threads: defaultdict[int, set[int]] = defaultdict(set)
        self._proven = set(thread_groups.values())  # groups that are processes for sure
        self._whole: set[int] = set()  # of these, all threads are known
        self.moved: list[tuple[int, int]] = []
        """Groups that turned out to be of a process, and which: for whoever keeps things by group
        to take in."""
        for tid, process in thread_groups.items():
            self._threads[process].add(tid)

    def of(self, tid: int) -> int | None:
        return self._process_of.get(tid)

    def is_known(self, group: int) -> bool:
        """Whether it is a process, not a thread that stands for itself."""
        return group in self._proven

    def may_be_one(self, group: int, other: int) -> bool:
        """Whether two groups may be of one process."""
        if group == other:
            return True
        both = {group, other}
        return not both <= self._proven and not both & self._whole

    def threads(self, process: int) -> set[int]:
        """The threads known to be of a process. (A thread of no known process is its own.)"""
        return self._threads.get(process, set()) | {process}

    def learn(self, tid: int, process: int) -> None:
        """The thread is of that process, and all that are of one group with it."""
        self._proven.add(process)
        self.join(tid, process)

    def join(self, tid: int, group: int) -> None:
        """The thread is of the same process as a group, whichever that is."""
        known = self._process_of.get(tid)
        if known == group:
            return
        if known is not None and known not in self._proven:
            for other in self._threads.pop(known):
                self._put(other, group)
            self.moved.append((known, group))
        elif known is not None:
            self._threads[known].discard(tid)
        elif tid != group:
            self.moved.append((tid, group))
        self._put(tid, group)

    def stand_alone(self, tid: int) -> None:
        """Nothing is known of the thread: from now on those that it makes are of its group."""
        if tid not in self._process_of:
            self._put(tid, tid)

    def _put(self, tid: int, group: int) -> None:
        self._process_of[tid] = group
        self._threads[group].add(tid)

    def cloned(self, parent: int, child: int, clone_flags: int) -> None:
        """task:task_newtask. A thread joins its parent's process; anything else is a new one."""
        self._forget(child)
        if clone_flags & uapi.CLONE_THREAD:
            self.stand_alone(parent)
            self._put(child, self._process_of[parent])
        else:
            self.began(child)

    def began(self, process: int) -> None:
        """It has one thread: it was made now, or runs another program."""
        for tid in self._threads.pop(process, set()):
            self._process_of.pop(tid, None)
        self._proven.add(process)
        self._whole.add(process)
        self._put(process, process)

    def lost(self) -> None:
        """Threads may have come unseen."""
        self._whole.clear()

    def exited(self, tid: int, group_dead: int) -> int | None:
        """sched:sched_process_exit. Returns the process that ended with this thread, if one did.

        Kernels that do not record `group_dead` (-1) leave it to the last thread we know of.
        """
        process = self._process_of.get(tid)
        if process is None:
            return None
        self._forget(tid)
        is_last = process not in self._threads
        if group_dead == 1 or (group_dead < 0 and is_last):
            for other in self._threads.pop(process, ()):
                del self._process_of[other]
            self._proven.discard(process)
            self._whole.discard(process)
            return process
        return None

    def _forget(self, tid: int) -> None:
        process = self._process_of.pop(tid, None)
        if process is None:
            return
        self._threads[process].discard(tid)
        if not self._threads[process]:
            del self._threads[process]
