"""A fault for each page that the guest accepts or touches first: an accept storm when many."""

from dataclasses import dataclass

import numpy as np

from collector.simulator import Part, Place, Stage, page_faults, to_ns


@dataclass(frozen=True, slots=True)
class Accept:
    """`faults` private faults; each vCPU walks its own stripe of `place` page by page."""

    start: float
    duration: float
    faults: int
    place: Place

    def perform(self, stage: Stage) -> Part:
        machine = stage.machine
        area = machine.area(self.place)
        walkers = machine.vcpus
        count = min(self.faults, area.npages // walkers * walkers)
        nth = np.arange(count)
        walker = nth % walkers
        gfn = area.first_gfn + walker * (area.npages // walkers) + nth // walkers
        moments = np.sort(stage.begin + stage.rng.integers(0, to_ns(self.duration), count))
        stage.ledger.plant(
            "page faults", stage.begin, stage.begin + to_ns(self.duration), moments, gfn=int(gfn[0])
        )
        return Part([page_faults(machine, moments, gfn.astype(np.uint64), walker.astype(np.int16))])
