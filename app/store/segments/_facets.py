"""What else of a segment's events may be asked for, besides time, place and kind."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from app.model.stats import EventFilter, Mask, matching
from app.store.codecs import decode_threads, join, read_batch, tids_and_vcpus


@dataclass(frozen=True, slots=True)
class SegmentFacets:
    """Read where a filter asks for them only. About 4 bytes an event."""

    cause: npt.NDArray[np.uint8]
    errno: npt.NDArray[np.int16]
    thread: npt.NDArray[np.integer[Any]]  # index into tids and vcpus
    tids: npt.NDArray[np.int32]
    vcpus: npt.NDArray[np.int16]

    @property
    def nbytes(self) -> int:
        columns = (self.cause, self.errno, self.thread, self.tids, self.vcpus)
        return sum(column.nbytes for column in columns)

    def matching(self, where: EventFilter) -> Mask | None:
        """Which events match as far as these columns show; None: all do."""
        by_call = matching(where, {"cause": self.cause, "errno": self.errno})
        threads = matching(where, {"tid": self.tids, "vcpu": self.vcpus})
        if threads is None:
            return by_call
        by_thread: Mask = threads[self.thread]
        return by_thread if by_call is None else by_call & by_thread


def asks_for_facets(where: EventFilter) -> bool:
    asked = (where.causes, where.errnos, where.tids, where.vcpus)
    return any(values is not None for values in asked)


def decode_facets(event_blob: bytes) -> SegmentFacets:
    batch = read_batch(event_blob, ("cause", "errno", "thread"))
    thread, threads = decode_threads(batch)
    return SegmentFacets(
        join(batch, "cause").astype(np.uint8),
        join(batch, "errno").astype(np.int16),
        thread,
        *tids_and_vcpus(threads),
    )
