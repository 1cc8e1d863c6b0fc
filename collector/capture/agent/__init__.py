"""The agent: a live source, assembled and stored while it happens, with its own counters and lag;
and the snapshot of one instant.

Batches of calls come from the source at its pace, pass the assembler, and are committed in a rhythm
that keeps what readers see close to what happens. The inventory gives what was there before.
A vigil decides when an armed collector records.
"""

from collector.capture.agent._agent import Collected, Context, collect, header_of
from collector.capture.agent._lag import CLOCKS
from collector.capture.agent._snapshot import Snapshot, record, snapshot_of_host, snapshot_of_vmcore
from collector.capture.agent._vigil import Ending, UntilCalm, Vigil

__all__ = [
    "CLOCKS",
    "Collected",
    "Context",
    "Ending",
    "Snapshot",
    "UntilCalm",
    "Vigil",
    "collect",
    "header_of",
    "record",
    "snapshot_of_host",
    "snapshot_of_vmcore",
]
