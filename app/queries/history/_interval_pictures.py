"""An interval of a VM's time in pictures: what was converted in it, what was before and after."""

from dataclasses import dataclass

from app.queries.history._diff_strips import Bar, changes_between
from app.queries.home import SPARK_BUCKETS, Cell, Spark, before_and_after, spark
from app.queries.maps import edges_of
from app.store.read import Reader


@dataclass(frozen=True, slots=True)
class IntervalPictures:
    """What a page and a report draw of an interval that was counted."""

    spark: Spark
    strips: list[tuple[str, list[Cell]]]
    changes: list[Bar]


def interval_pictures(reader: Reader, vm_id: int, from_t: int, to_t: int) -> IntervalPictures:
    return IntervalPictures(
        spark(reader.timeline(vm_id, edges_of(from_t, to_t, SPARK_BUCKETS))),
        before_and_after(reader, vm_id, from_t, to_t),
        changes_between(reader, vm_id, from_t - 1, to_t - 1),
    )
