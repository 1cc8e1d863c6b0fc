"""The probes of the bpftrace program on what VMs and their processes go through."""

from collections.abc import Iterator

from collector.coverage import Capability
from collector.kvm import catalogue, uapi
from collector.kvm.catalogue import KernelEvent, Recorded
from collector.recipes._bpftrace_probe import (
    NEITHER,
    Probe,
    Watch,
    condition_of,
    event,
    is_printed,
    printed,
)

_QUESTIONS = frozenset(Capability) - {Capability.VCPU_THREADS}
"""All that observations answer here: KVM_RUN shows which thread runs which vCPU."""

# Any other exit ends what a request of the guest explains.
_USERSPACE_EXIT = f"""\
  $cause = (uint64){NEITHER:#x};
  if (args->reason == {uapi.KVM_EXIT_HYPERCALL} && args->errno >= 0) {{
    $cause = (uint64)0x100000000;
  }}
  if (args->reason == {uapi.KVM_EXIT_MEMORY_FAULT} && args->errno < 0) {{
    $cause = (uint64)0x200000000;
    {event("X", result="(uint64)args->errno")}
  }}
  $run = @run[tid];
  if (($run & 0xff00000000) != $cause) {{
    @run[tid] = ($run & 0xffffffff) | $cause;
  }}"""


def _printed(recorded: Recorded) -> tuple[Watch, ...]:
    """What is printed as it is, of the rows that are recorded in one way."""
    return tuple(map(_watch, filter(is_printed, _of(recorded))))


def _of(recorded: Recorded) -> Iterator[KernelEvent]:
    return (row for row in catalogue.EVENTS if row.recorded is recorded)


def _watch(row: KernelEvent) -> Watch:
    """Of a task's: only a VMM's, which is known by its process."""
    (call,) = row.calls
    condition = condition_of(row) if call.is_flood else "@vmm[(uint64)pid]"
    return Watch(row.gives & _QUESTIONS, (printed(row, condition),))


OBSERVATIONS = (
    Watch(
        frozenset({Capability.CAUSES}),
        (Probe(catalogue.USERSPACE_EXIT.points, _USERSPACE_EXIT),),
    ),
    *_printed(Recorded.ALWAYS),
)
FAULTS = _printed(Recorded.FAULTS)


def exits(group_dead: str) -> Watch:
    """The ends of threads; `group_dead` is an expression: 1, 0, or -1 where it is not known."""
    body = f"""\
  if (@run[tid]) {{
    delete(@run[tid]);
  }}
  if (@vmm[(uint64)pid]) {{
    $dead = (uint64)({group_dead});
    {event("O", "(uint64)tid", "$dead")}
    if ($dead == 1) {{
      delete(@vmm[(uint64)pid]);
    }}
  }}"""
    return Watch(frozenset(), (Probe(catalogue.PROCESS_EXIT.points, body),))


def backing(device: int) -> Watch:
    """The page cache of the files of one device, as stat(2) names it."""
    condition = catalogue.of_device(device).of_bpftrace()
    added, deleted = catalogue.PAGE_CACHE_ADD, catalogue.PAGE_CACHE_DELETE
    no_file = "(uint64)0xffffffff"
    return Watch(added.gives, tuple(printed(one, condition, no_file) for one in (added, deleted)))
