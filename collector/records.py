"""One kernel record, whichever source it came from, as a fixed row.

The decoder gathers the fields it was asked for into these rows in compiled code, so that merging
CPUs and pairing calls never touch event formats again.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

RECORD = np.dtype(
    [
        ("ts", "<u8"),  # the trace's own clock, ns
        ("tid", "<i4"),
        ("cpu", "<u2"),
        ("code", "u1"),  # RecordCode
        ("flags", "u1"),  # HAS_GMEM
        ("v", "<u8", (8,)),  # see RecordCode; signed values are sign-extended to 64 bits
    ]
)
RecordArray = npt.NDArray[np.void]


CALL = np.dtype(
    [
        ("ts_enter", "<u8"),  # the trace's own clock, ns; of the exit if only that was seen
        ("ts_exit", "<u8"),  # of the entry if only that was seen
        ("tid", "<i4"),
        ("tgid", "<i4"),  # 0 if the source does not name it
        ("cpu", "<u2"),
        ("code", "u1"),  # CallCode
        ("flags", "u1"),  # SAW_* below
        ("cause", "u1"),  # app.model.events.Cause, from what preceded it on the thread
        ("cause_certainty", "u1"),
        ("vcpu", "<i2"),
        ("kvm", "<u8"),  # struct kvm *, 0 if unknown
        ("fd", "<i4"),
        ("cmd", "<u4"),
        ("ret", "<i8"),  # negative: -errno
        ("v", "<u8", (7,)),  # see CallCode
    ]
)
CallArray = npt.NDArray[np.void]


def _signed(row: np.dtype[Any]) -> np.dtype[Any]:
    """The same row; its 64-bit numbers are signed, as numba would make floats of both kinds."""
    fields = [(name, *row.fields[name]) for name in row.names or ()] if row.fields else []
    return np.dtype(
        {
            "names": [name for name, *_ in fields],
            "formats": [
                np.dtype(("<i8", kind.shape)) if kind.base == np.dtype("<u8") else kind
                for _, kind, *_ in fields
            ],
            "offsets": [offset for _, _, offset, *_ in fields],
            "itemsize": row.itemsize,
        }
    )


SIGNED_RECORD = _signed(RECORD)
SIGNED_CALL = _signed(CALL)


def signed32(number: int) -> int:
    """The low half of a wider number as the kernel's int: what holds an fd may print or widen it
    with or without its sign."""
    low = number & 0xFFFFFFFF
    return low - (1 << 32) if low >> 31 else low
