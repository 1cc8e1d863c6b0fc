"""The tracer's buffer of one CPU overflows: everything that ran there meanwhile is lost."""

from dataclasses import dataclass

from collector.simulator import LossWindow, Part, Stage, to_ns


@dataclass(frozen=True, slots=True)
class LoseEvents:
    """Makes nothing itself; `collector.simulator` takes away what others made."""

    start: float
    duration: float
    cpu: int

    def perform(self, stage: Stage) -> Part:
        cpu = self.cpu % stage.machine.vcpus
        window = LossWindow(stage.begin, stage.begin + to_ns(self.duration), cpu)
        return Part((), (window,))
