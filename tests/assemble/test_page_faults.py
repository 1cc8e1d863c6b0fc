"""Page faults are known to be private where the error code says so, and nowhere else."""

import numpy as np
import pytest

from app.model.guest import EventKind, To
from collector.assemble.floods import event_rows
from collector.codes import RecordCode
from collector.pairing import SyscallTracker
from tests.assemble.record_streams import record

SNP_PRIVATE = 1 << 49 | 1 << 34 | 1 << 32 | 1 << 1
ENCRYPTED_ONLY = 1 << 34 | 1 << 1
EPT_WRITE = 1 << 1 | 1 << 7 | 1 << 8


@pytest.mark.parametrize(
    ("error_code", "to"),
    [(SNP_PRIVATE, To.PRIVATE), (ENCRYPTED_ONLY, To.UNKNOWN), (EPT_WRITE, To.UNKNOWN)],
)
def test_error_code_tells_what_it_tells(error_code: int, to: To) -> None:
    pairing = SyscallTracker()
    calls = pairing.add(record(1, 1, RecordCode.PAGE_FAULT, 3, 0, 0x7123, error_code))
    (event,) = event_rows(np.concatenate((calls, pairing.finish())), 0)
    assert (event["kind"], event["to"]) == (EventKind.PAGE_FAULT, to)
    assert (event["gfn"], event["npages"], event["aux"]) == (7, 1, error_code)
