"""The bpftrace program whose log collector.importing reads, and how to run it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from collector.coverage import Capability
from collector.kvm.catalogue import FORK, PROCESS_EXIT
from collector.recipes._bpftrace_calls import SYSTEM_CALLS
from collector.recipes._bpftrace_observations import OBSERVATIONS, exits
from collector.recipes._bpftrace_probe import Probe, Watch

FIRST_LINE = "# gmemscope.bt v2"
HEARTBEAT_MS = 250
"""How often each CPU reports that it has reported everything up to now."""
FLUSH_MS = 100

_COMMENT = """\
#!/usr/bin/env bpftrace
/*
 * Records what makes virtual machines, lays out their memory and converts it between private and
 * shared: arguments, the user's structs, results, and what the guest had asked for before.
 * One line a call, written at its return: a letter and numbers in hexadecimal, of which the first
 * five are entry (ns, boot clock), duration (ns), process << 32 | thread,
 * CPU << 40 | cause << 32 | file descriptor, and result.
 * Only tracepoints are used. Stop it with Ctrl-C.
 */
"""
_STRUCTS = "".join(
    f"struct words{count} {{ unsigned long long w[{count}]; }};\n" for count in (2, 4, 5, 6)
)
_BASIC = (*SYSTEM_CALLS, *OBSERVATIONS)
_MAPS = ("call", "fallocate", "run", "vmm", "file")
_FIELD = re.compile(r"args->(\w+)")
_UNRECORDED = exits("(int64)-1")
_RECORDED = exits("args->group_dead")
_COUNTED = exits("((struct task_struct *)curtask)->signal->live.counter == 0")
"""For kernels whose sched_process_exit does not record whether it was the last thread (it does
since Linux 6.17), if bpftrace knows the kernel's types."""

FieldsOf = Callable[[str], frozenset[str] | None]
"""What a tracepoint ("system:name") carries; None if the kernel does not have it."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program's text and what it sees of Capability."""

    text: str
    sees: frozenset[Capability]


def recipe() -> Program:
    """For any host: only what every kernel since Linux 6.1 has on x86."""
    return _assembled((*_BASIC, _UNRECORDED), Narrowing(), "")


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What a live program knows beforehand."""

    pids: tuple[int, ...] = ()  # only these processes and their children; none: all
    vmms: tuple[int, ...] = ()  # processes that own VMs already
    files: tuple[tuple[int, int], ...] = ()  # (process, descriptor) of VMs and guest_memfds


def live_program(
    fields_of: FieldsOf,
    narrowing: Narrowing,
    *,
    knows_types: bool,
    further: Sequence[Watch] = (),
) -> Program:
    """For this host: with what its kernel has, and what more it records than others."""
    last = _COUNTED if knows_types else _UNRECORDED
    if "group_dead" in (fields_of(PROCESS_EXIT.points[0]) or ()):
        last = _RECORDED
    watches = [_available(watch, fields_of) for watch in (*_BASIC, last, *further)]
    # What is printed is handed on in blocks; this hands on what there is.
    flush = f"interval:ms:{FLUSH_MS}\n{{\n  print(@flush);\n}}\n"
    return _assembled([w for w in watches if w.probes], narrowing, flush)


def _available(watch: Watch, fields_of: FieldsOf) -> Watch:
    """The watch without events that the kernel lacks; without probes if one has none left."""
    probes = []
    for probe in watch.probes:
        used = set(_FIELD.findall(probe.condition + probe.body))
        points = tuple(p for p in probe.points if used <= (fields_of(p) or frozenset()))
        if not points:
            return replace(watch, probes=())
        probes.append(replace(probe, points=points))
    return replace(watch, probes=tuple(probes))


def _assembled(watches: Sequence[Watch], narrowing: Narrowing, tail: str) -> Program:
    sees = frozenset[Capability]().union(*(watch.sees for watch in watches))
    probes = [probe for watch in watches for probe in watch.probes]
    if narrowing.pids:
        probes = [_FORK, *(_narrowed(probe) for probe in probes)]
    heartbeat = f'profile:ms:{HEARTBEAT_MS}\n{{\n  printf("T %llx %llx\\n", nsecs, cpu);\n}}\n'
    begin = _begin(sees, narrowing, is_live=bool(tail))
    parts = (_COMMENT + _STRUCTS, begin, *map(_text, probes), heartbeat, tail)
    maps = (*_MAPS, *(("ours",) if narrowing.pids else ()), *(("flush",) if tail else ()))
    end = "END\n{\n" + "".join(f"  clear(@{name});\n" for name in maps) + "}\n"
    return Program("\n".join(part for part in (*parts, end) if part), sees)


def _begin(sees: frozenset[Capability], narrowing: Narrowing, *, is_live: bool) -> str:
    names = " ".join(sorted(sees))
    lines = [
        f'printf("{FIRST_LINE}; times are nsecs of the boot clock\\n");',
        f'printf("# watches {names}\\n");',
        *(["@flush = 0;"] if is_live else []),
        *(f"@ours[(uint64){pid}] = 1;" for pid in narrowing.pids),
        *(f"@vmm[(uint64){pid}] = 1;" for pid in narrowing.vmms),
        *(f"@file[(uint64){pid}, (uint64){fd}] = 1;" for pid, fd in narrowing.files),
    ]
    return "BEGIN\n{\n" + "".join(f"  {line}\n" for line in lines) + "}\n"


_FORK = Probe(
    (FORK,),
    "  @ours[(uint64)args->child_pid] = 1;",
    "@ours[(uint64)pid]",
)


def _narrowed(probe: Probe) -> Probe:
    """A call whose entry is left out leaves no line at its return."""
    if all(":sys_exit_" in point for point in probe.points):
        return probe
    condition = (
        f"@ours[(uint64)pid] && ({probe.condition})" if probe.condition else "@ours[(uint64)pid]"
    )
    return replace(probe, condition=condition)


def _text(probe: Probe) -> str:
    points = ",\n".join(f"tracepoint:{point}" for point in probe.points)
    condition = f"/{probe.condition}/\n" if probe.condition else ""
    return f"{points}\n{condition}{{\n{probe.body}\n}}\n"


PROGRAM = recipe().text

HOW_TO = """\
# Needs bpftrace 0.17 or later and root on the KVM host. Records everything. Wait a second before
# Ctrl-C: what bpftrace has not printed by then it drops.
gmemscope recipe bpftrace > gmemscope.bt        # here; copy it to the host
echo "# host $(uname -n) $(uname -r)" > recording.txt                    # there
sudo BPFTRACE_PERF_RB_PAGES=4096 bpftrace gmemscope.bt >> recording.txt 2>&1   # Ctrl-C ends it
gmemscope import recording.txt                  # here
"""
