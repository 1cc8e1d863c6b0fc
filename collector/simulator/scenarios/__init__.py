"""The scenarios there are. A new one is a new file here and a line in `SCENARIOS`.

A scenario names the machine, the phases that set it up, and those that follow each other for ever.
"""

from collector.simulator import Scenario
from collector.simulator.scenarios._balloon import BALLOON
from collector.simulator.scenarios._boot_and_storm import BOOT_AND_STORM
from collector.simulator.scenarios._calm import CALM
from collector.simulator.scenarios._implicit_only import IMPLICIT_ONLY
from collector.simulator.scenarios._kexec import KEXEC
from collector.simulator.scenarios._load import LOAD
from collector.simulator.scenarios._mmio_hole import MMIO_HOLE

__all__ = ["DEFAULT_SCENARIO", "SCENARIOS"]

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (BOOT_AND_STORM, CALM, MMIO_HOLE, KEXEC, BALLOON, IMPLICIT_ONLY, LOAD)
}

DEFAULT_SCENARIO = BOOT_AND_STORM.name
