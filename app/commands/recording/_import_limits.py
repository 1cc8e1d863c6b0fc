"""How much an import may take, whatever it is given to read: the kernel sees to that.

Memory is what a process may write to (RLIMIT_DATA): a large file that is mapped to be searched
takes none. CPU time is looked at between batches, so that what was read until then is kept; one
that stays in a batch for half a minute more is killed.
"""

import os
import resource
import signal
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

CPU_GRACE_S = 30
END_GRACE_S = 10
"""How long an import may take to undo what it did, once whoever watched it is gone."""
_LARGEST_SQLITE_PAGE = 1 << 16


@dataclass(slots=True)
class Limits:
    """0: none."""

    memory_bytes: int = 0
    cpu_s: int = 0
    output_bytes: int = 0  # by which the database's file may grow
    _is_over: bool = field(default=False, init=False)
    _most_bytes: int = field(default=0, init=False)  # of the database's file

    @contextmanager
    def imposed(self, database: Path) -> Iterator[None]:
        """On this process. `database`: the file that is written."""
        kinds = (resource.RLIMIT_DATA, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE)
        before = [(kind, resource.getrlimit(kind)) for kind in kinds]
        if self.memory_bytes:
            # With its libraries: where these find no room, the loader ends the process (ld.so(8)).
            from app.store.write import load_compiler

            load_compiler()
            _lower(resource.RLIMIT_DATA, self.memory_bytes)
        if self.cpu_s:
            signal.signal(signal.SIGXCPU, self._note)
            _lower(resource.RLIMIT_CPU, int(time.process_time()) + self.cpu_s, CPU_GRACE_S)
        if self.output_bytes:
            self._most_bytes = _size(database) + self.output_bytes
            _lower(resource.RLIMIT_FSIZE, self._most_bytes)  # Python ignores SIGXFSZ
        try:
            yield
        finally:
            for kind, (soft, _) in before:
                _set(kind, soft, resource.getrlimit(kind)[1])

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._is_over = True

    def time_is_up(self) -> str | None:
        """Why to read no further, in words."""
        if not self._is_over:
            return None
        return f"it took more than {self.cpu_s:,} s of CPU time, which is the limit of an import"

    def memory_is_out(self) -> str:
        if not self.memory_bytes:
            return "it takes more memory than there is"
        limit = f"{self.memory_bytes >> 20:,} MiB"
        return f"it takes more memory than {limit}, which is the limit of an import"

    def output_is_full(self, database: Path) -> str | None:
        """Why the database could not be written, if it was because of this limit."""
        if not self._most_bytes or _size(database) + _LARGEST_SQLITE_PAGE < self._most_bytes:
            return None
        limit = f"{self.output_bytes >> 20:,} MiB"
        return f"the database would grow by more than {limit}, which is the limit of an import"


def _lower(kind: int, soft: int, grace: int | None = None) -> None:
    """Whatever lower limit there is already, stays. `grace`: to where the kernel kills."""
    _, hard = resource.getrlimit(kind)
    if grace is not None:
        hard = soft + grace if hard == resource.RLIM_INFINITY else min(hard, soft + grace)
    _set(kind, soft, hard)


def _set(kind: int, soft: int, hard: int) -> None:
    if hard != resource.RLIM_INFINITY:
        soft = hard if soft == resource.RLIM_INFINITY else min(soft, hard)
    resource.setrlimit(kind, (soft, hard))


def _size(database: Path) -> int:
    """Of the file, or of what was written beside it and is not in it yet."""
    sizes = [0]
    for path in (database, database.with_name(f"{database.name}-wal")):
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:
            continue
    return max(sizes)


def end_with_watcher() -> None:
    """Where standard input is a pipe, to which nobody writes: end as by SIGTERM once its other end
    is closed. Its holder is gone then, however it ended."""
    if not stat.S_ISFIFO(os.fstat(0).st_mode):
        return

    def wait() -> None:
        while os.read(0, 1 << 10):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(END_GRACE_S)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
