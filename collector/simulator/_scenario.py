"""A scenario: phases with their parameters, and how they go on for ever."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from collector.simulator._machine import Machine
from collector.simulator._merge import Scheduled
from collector.simulator._setup import Setup
from collector.simulator._stage import Phase, Stage, generator, to_ns
from collector.simulator._truth import Ledger

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Storm:
    """Phases that together are one storm; their starts count from the storm's."""

    start: float
    duration: float
    cause: str
    phases: tuple[Phase, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a simulated guest does.

    `phases` come once, after set-up; then `cycle` comes again and again, each time
    `cycle_duration` after the time before. No phase of a cycle reaches into the next. Without a
    cycle, the phases themselves go on for ever.
    """

    name: str
    summary: str  # one line for --list
    phases: tuple[Phase | Storm, ...]
    duration: float  # seconds of `phases`
    cycle: tuple[Phase | Storm, ...] = ()
    cycle_duration: float = 0.0
    memory: int = 16 * GIB
    vcpus: int = 8
    default_conversions: int | None = None
    """Where a run without limits ends; None: after `phases`."""


@dataclass(frozen=True, slots=True)
class Showing:
    """One recording to be made of a scenario: everything its contents follow from."""

    scenario: Scenario
    machine: Machine
    seed: int

    @property
    def main_end(self) -> int:
        """When `phases` are over, ns since the recording's start."""
        return self.machine.setup_ns + to_ns(self.scenario.duration)

    def schedule(self, ledger: Ledger) -> Iterator[Scheduled]:
        """Set-up, the phases, then cycles without end, each phase performed when asked for."""
        yield Scheduled(0, Setup().perform(self._stage(0, ledger, 0)))
        yield from self._act(self.scenario.phases, self.machine.setup_ns, ledger, 1)
        for cycle in count() if self.scenario.cycle else ():
            begin = self.main_end + cycle * to_ns(self.scenario.cycle_duration)
            yield from self._act(self.scenario.cycle, begin, ledger, cycle + 2)

    def _act(
        self, phases: tuple[Phase | Storm, ...], begin: int, ledger: Ledger, act: int
    ) -> Iterator[Scheduled]:
        cues = sorted(_cues(phases, begin, ledger), key=lambda cue: cue[0])
        for number, (at, phase) in enumerate(cues):
            yield Scheduled(at, phase.perform(self._stage(at, ledger, act, number)))

    def _stage(self, begin: int, ledger: Ledger, *key: int) -> Stage:
        return Stage(self.machine, self.seed, begin, generator(self.seed, *key), ledger)


def _cues(
    phases: tuple[Phase | Storm, ...], begin: int, ledger: Ledger
) -> Iterator[tuple[int, Phase]]:
    for phase in phases:
        at = begin + to_ns(phase.start)
        if isinstance(phase, Storm):
            ledger.plant("storm", at, at + to_ns(phase.duration), cause=phase.cause)
            yield from _cues(phase.phases, at, ledger)
        else:
            yield at, phase
