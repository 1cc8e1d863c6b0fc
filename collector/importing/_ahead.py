"""Reading ahead of whoever works on what was read."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

from collector.records import CallArray

BATCHES_AHEAD = 2


def ahead(batches: Iterator[CallArray]) -> Generator[CallArray]:
    """The same batches, each made by another thread while the caller works on those before it.

    What making one raises is raised in its place. Close it: that waits for the thread.
    """
    with ThreadPoolExecutor(1) as thread:
        made = deque(thread.submit(next, batches, None) for _ in range(BATCHES_AHEAD))
        while (batch := made.popleft().result()) is not None:
            made.append(thread.submit(next, batches, None))
            yield batch
