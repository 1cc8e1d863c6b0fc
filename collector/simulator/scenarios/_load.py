"""Bulk for load tests: 100,000 conversions a second on a guest of 1 TiB."""

from collector.simulator import Scenario
from collector.simulator.phases import Load

LOAD = Scenario(
    name="load",
    summary="bulk conversions without end on a 1 TiB guest, for load tests (--events)",
    phases=(Load(0.0),),
    duration=0.0,
    memory=1 << 40,
    vcpus=64,
    default_conversions=1_000_000,
)
