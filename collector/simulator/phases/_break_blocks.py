"""Single pages of 2 MiB blocks become shared, so that KVM can no longer map the blocks huge."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.model.events import EventArray, effect_time
from app.model.guest import PAGES_PER_2M, Cause, EventKind, To
from collector.kvm import uapi
from collector.simulator import (
    PRIVATE_FAULT,
    REQUEST_LEAD_NS,
    Part,
    Place,
    Stage,
    blank,
    block_starts,
    conversions,
    in_effect_order,
    to_ns,
    with_company,
)

MOST_PAGES = 6
BREAKING = 0.6
"""The share of the duration in which blocks are broken; then comes the healing."""
RMP_FAULT_DELAY_NS = 2_000


@dataclass(frozen=True, slots=True)
class BreakBlocks:
    """Break up to `blocks` private 2 MiB blocks of `place`, then make `healed` of them whole again.

    A block is broken by the first of its 1 to 6 pages and healed by one 2 MiB conversion to
    private. Blocks are spread evenly over the place.
    """

    start: float
    duration: float
    place: Place
    blocks: int
    healed: float = 0.5
    vcpu: int = 0

    def perform(self, stage: Stage) -> Part:
        starts = self._pick(stage)
        half = to_ns(self.duration * BREAKING)
        broken = self._break(stage, starts, half)
        healed = self._heal(stage, starts, stage.begin + half)
        calls = in_effect_order(broken, healed)
        company = with_company(stage.machine, stage.rng, calls)
        return Part([in_effect_order(company, _rmp_faults(broken))])

    def _pick(self, stage: Stage) -> npt.NDArray[np.uint64]:
        """First pages of the chosen blocks, shuffled."""
        starts = block_starts(stage.machine.area(self.place))
        spread = np.linspace(0, len(starts), min(self.blocks, len(starts)), endpoint=False)
        return stage.rng.permutation(starts[spread.astype(np.int64)])

    def _break(self, stage: Stage, starts: npt.NDArray[np.uint64], length: int) -> EventArray:
        counts = stage.rng.integers(1, MOST_PAGES + 1, len(starts))
        gfn = np.repeat(starts, counts)
        # An odd stride meets no page of a block twice.
        nth = np.arange(len(gfn)) - np.repeat(np.cumsum(counts) - counts, counts)
        first = np.repeat(stage.rng.integers(0, PAGES_PER_2M, len(starts)), counts)
        gfn += ((first + nth * 83) % PAGES_PER_2M).astype(np.uint64)
        calls = self._calls(stage, gfn, 1, To.SHARED, stage.begin, length)
        is_first = nth == 0
        self._plant(stage, "broken blocks", calls[is_first])
        return calls

    def _heal(self, stage: Stage, starts: npt.NDArray[np.uint64], begin: int) -> EventArray:
        chosen = starts[: int(len(starts) * self.healed)]
        length = to_ns(self.duration * (1 - BREAKING))
        calls = self._calls(stage, chosen, PAGES_PER_2M, To.PRIVATE, begin, length)
        self._plant(stage, "healed blocks", calls)
        return calls

    def _calls(
        self,
        stage: Stage,
        gfn: npt.NDArray[np.uint64],
        npages: int,
        to: To,
        begin: int,
        length: int,
    ) -> EventArray:
        beats = np.linspace(0, length, len(gfn), endpoint=False).astype(np.int64)
        return conversions(
            stage.machine,
            stage.rng,
            begin + REQUEST_LEAD_NS + beats,
            gfn,
            np.full(len(gfn), npages, np.uint64),
            np.full(len(gfn), to, np.uint8),
            np.full(len(gfn), self.vcpu % stage.machine.vcpus, np.int16),
            Cause.EXPLICIT,
        )

    def _plant(self, stage: Stage, kind: str, calls: EventArray) -> None:
        if len(calls):
            moments = effect_time(calls)
            area = stage.machine.area(self.place)
            stage.ledger.plant(
                kind,
                int(moments.min()),
                int(moments.max()),
                moments,
                gfn=area.first_gfn,
                npages=area.npages,
            )


def _rmp_faults(broken: EventArray) -> EventArray:
    """A 4 KiB use of a 2 MiB RMP entry: KVM splits the entry (PSMASH, kvm:kvm_rmp_fault)."""
    rows = blank(len(broken), EventKind.RMP_FAULT)
    rows["t"] = effect_time(broken) + RMP_FAULT_DELAY_NS
    for column in ("gfn", "npages", "vcpu", "tid"):
        rows[column] = broken[column]
    rows["aux"] = PRIVATE_FAULT | uapi.PFERR_GUEST_RMP_MASK
    return rows
