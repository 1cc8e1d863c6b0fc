"""What a healthy guest looks like: nothing here is a storm."""

from collector.simulator import Scenario
from collector.simulator.scenarios._boot import BOOT, BOOTED, steady

CALM = Scenario(
    name="calm",
    summary="boot, then steady virtio traffic only: no storm, no loss",
    phases=(*BOOT, steady(BOOTED, 54.0)),
    duration=60.0,
    cycle=(steady(0.0, 40.0),),
    cycle_duration=40.0,
)
