"""Latencies as Prometheus' native histograms count them, and its classic ones as sums of those."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

SCHEMA = 3
"""Buckets grow by 2^(2^-SCHEMA), 9 %."""
CLASSIC_POWERS = range(-20, 5)
"""A classic histogram has the powers of two from 2^-20 s (1 us) to 2^4 s."""
_PER_POWER = 1 << SCHEMA


@dataclass(slots=True)
class NativeBuckets:
    """Bucket i holds what took longer than 2^((i - 1) / 8) s, and no longer than 2^(i / 8) s."""

    count: int = 0
    zero_count: int = 0
    total_ns: int = 0
    by_index: dict[int, int] = field(default_factory=dict)

    def add(self, latencies_ns: npt.NDArray[np.int64]) -> None:
        self.count += len(latencies_ns)
        self.total_ns += int(latencies_ns.sum())
        longer = latencies_ns[latencies_ns > 0]
        self.zero_count += len(latencies_ns) - len(longer)
        index = np.ceil(np.log2(longer / 1e9) * _PER_POWER).astype(np.int64)
        for i, calls in zip(*np.unique(index, return_counts=True), strict=True):
            self.by_index[int(i)] = self.by_index.get(int(i), 0) + int(calls)

    def copy(self) -> "NativeBuckets":
        return NativeBuckets(self.count, self.zero_count, self.total_ns, dict(self.by_index))

    def merged(self, other: "NativeBuckets") -> "NativeBuckets":
        """What both hold together."""
        both = self.copy()
        both.count += other.count
        both.zero_count += other.zero_count
        both.total_ns += other.total_ns
        for i, calls in other.by_index.items():
            both.by_index[i] = both.by_index.get(i, 0) + calls
        return both

    def spans(self) -> tuple[list[tuple[int, int]], list[int]]:
        """As native histograms are written: each run of buckets by its offset from the end of the
        one before and its length; and what each bucket has more than the one before it."""
        spans: list[tuple[int, int]] = []
        deltas, end, last = [], 0, 0
        for i, calls in sorted(self.by_index.items()):
            if spans and i == end:
                spans[-1] = spans[-1][0], spans[-1][1] + 1
            else:
                spans.append((i - end, 1))
            end = i + 1
            deltas.append(calls - last)
            last = calls
        return spans, deltas

    def classic(self) -> Iterator[tuple[float, int]]:
        """(s, calls that took no longer); those of all follow as `count`."""
        for power in CLASSIC_POWERS:
            within = [n for i, n in self.by_index.items() if i <= power * _PER_POWER]
            yield 2.0**power, self.zero_count + sum(within)
