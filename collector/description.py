"""What a source of kernel records reports of itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.model.guest import VmIdentity


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """What a source is and what it can and cannot see. Known before its first batch."""

    format: str  # "trace.dat", "bpftrace", ...
    clock: str
    clock_start_ns: int
    host: str
    kernel_release: str | None
    sees: dict[str, bool]  # collector.coverage.Capability value -> is it in this recording
    notes: tuple[str, ...] = ()  # sentences for people: what is missing and what that costs
    events_present: tuple[str, ...] = ()  # "system:name" of the events the recording has
    command_names: dict[int, str] = field(default_factory=dict)  # tid -> comm
    thread_groups: dict[int, int] = field(default_factory=dict)  # tid -> tgid where known
    wall_start_ns: int | None = None
    only_vm: VmIdentity | None = None  # everything is of this VM
    costs: Mapping[str, str] = field(default_factory=dict)
    """Capability value -> what it costs that it is missing here, in place of the general words."""
