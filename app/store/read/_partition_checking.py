"""Whether partitions are what was stored, and hold what their segments hold."""

from collections.abc import Iterator, Sequence

import numpy as np
from sqlalchemy import Connection, func, select
from sqlmodel import col

from app.store.checksums import PartDamagedError
from app.store.schema import CoarseSummary, Partitioning
from app.store.segments import (
    CoarseInfo,
    PartitioningInfo,
    Pyramids,
    SegmentInfo,
    read_coarse_infos,
    read_partitionings,
)


def wrong_partitions(
    connection: Connection, pyramids: Pyramids, infos: Sequence[SegmentInfo]
) -> Iterator[str]:
    """What is wrong, of the VM whose segments these are."""
    if not infos:
        return
    vm_id = infos[0].vm_id
    known = read_partitionings(connection, vm_id)
    query = select(func.count()).select_from(Partitioning).join(CoarseSummary)
    in_use = col(Partitioning.partitions) > 0  # retention takes the others
    query = query.where(col(CoarseSummary.vm_id) == vm_id, in_use)
    stored = connection.execute(query).scalar_one()
    if stored > len(known):
        yield f"{stored - len(known)} directories of partitions are not what was stored"
    places = {info.id: place for place, info in enumerate(infos)}
    for one in read_coarse_infos(connection, vm_id):
        first, last = places.get(one.first_segment_id), places.get(one.last_segment_id)
        if one.id not in known or first is None or last is None:
            continue
        try:
            is_right = _is_right(connection, pyramids, known[one.id], infos[first : last + 1])
        except PartDamagedError:
            yield _named(one, "are not what was stored")
            continue
        if not is_right:
            yield _named(one, "hold other events or changes than their segments")


def _named(one: CoarseInfo, what: str) -> str:
    return f"partitions of segments {one.first_segment_id} to {one.last_segment_id} {what}"


def _is_right(
    connection: Connection,
    pyramids: Pyramids,
    one: PartitioningInfo,
    segments: Sequence[SegmentInfo],
) -> bool:
    """Whether each event and each change is there, and none besides."""
    parts = [
        pyramids.partition(connection, one, number, segments[0])
        for number in np.flatnonzero(one.directory.events + one.directory.changes).tolist()
    ]
    for numbers, first, counts in (
        ([part.seqs for part in parts], segments[0].first_seq, [s.event_count for s in segments]),
        (
            [part.change_numbers for part in parts],
            segments[0].first_change,
            [s.change_count for s in segments],
        ),
    ):
        found = np.unique(np.concatenate(numbers))
        if not np.array_equal(found, first + np.arange(sum(counts))):
            return False
    return True
