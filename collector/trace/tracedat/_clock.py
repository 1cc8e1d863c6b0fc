"""From a trace's raw time stamps to ns of its clock."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from collector.codes import RecordCode
from collector.records import RecordArray
from collector.trace.tracedat._contents import Contents, TscToNs

TSC_CLOCK = "x86-tsc"


@dataclass(frozen=True, slots=True)
class TimeScale:
    """Monotonic: order before is order after."""

    tsc: TscToNs | None
    offset_ns: int

    def to_ns(self, stamps: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        """In two halves so that nothing overflows, as the kernel's mul_u64_u32_shr."""
        if self.tsc is not None:
            multiplier, shift = np.uint64(self.tsc.multiplier), self.tsc.shift
            low = ((stamps & np.uint64(0xFFFFFFFF)) * multiplier) >> np.uint64(shift)
            high = ((stamps >> np.uint64(32)) * multiplier) << np.uint64(32 - shift)
            stamps = low + high + np.uint64(self.tsc.offset)
        return stamps + np.uint64(self.offset_ns & (2**64 - 1))

    def apply(self, records: RecordArray) -> RecordArray:
        """Convert a batch in place."""
        if self.tsc is None and self.offset_ns == 0:
            return records
        records["ts"] = self.to_ns(records["ts"])
        other = records["v"][:, 1]
        codes = records["code"]
        is_loss = (codes == RecordCode.LOSS_BEGIN) | (codes == RecordCode.LOSS_END)
        is_loss &= other != 0
        other[is_loss] = self.to_ns(other[is_loss])
        return records


def time_scale(contents: Contents, clock: str) -> TimeScale:
    """The conversion that a file asks for; notes what it cannot convert."""
    tsc = contents.tsc_to_ns if clock == TSC_CLOCK else None
    if tsc is not None and tsc.shift > 32:
        tsc = None
    if clock == TSC_CLOCK and tsc is None:
        contents.notes.append(
            "The clock is x86-tsc and the file does not name its frequency: "
            "times are counted in TSC ticks, not in nanoseconds."
        )
    elif clock in ("counter", "uptime"):
        unit = "events" if clock == "counter" else "scheduler ticks"
        contents.notes.append(f"The clock is {clock}: times are counted in {unit}, not in ns.")
    return TimeScale(tsc, contents.offset_ns)
