"""The probes of the bpftrace program, by what they are watched for.

Every line that they print is a letter and numbers in hexadecimal; see collector.trace.bpftrace.
Maps: @call what a thread is in, @run the vCPU's fd it runs (plus one) and why it came back (32
bits up: 1 its guest asked, 2 its guest touched a page, 3 neither, 0 it never ran one), @vmm the processes that own VMs, @file their descriptors of VMs and guest_memfds.
"""

# ruff: noqa: E501 -- programs for others, which do not break lines

from dataclasses import dataclass

from collector.coverage import Capability
from collector.kvm import catalogue, uapi
from collector.kvm.catalogue import KernelEvent

HEAD = "%llx %llx %llx %llx %llx"
"""Entry (ns), duration (ns), tgid << 32 | tid, cpu << 40 | cause << 32 | fd, result."""
_WHO = "((uint64)pid << 32) | (uint64)tid"
_RUN_FD = "((@run[tid] - 1) & 0xffffffff)"
_CPU = "((uint64)cpu << 40)"
_NEITHER = 3 << 32


@dataclass(frozen=True, slots=True)
class Probe:
    """What to do at one of several events; those that a kernel does not have are left out."""

    points: tuple[str, ...]  # "system:name"
    body: str
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Watch:
    """Probes that belong together. It sees nothing where one of them has no event left."""

    sees: frozenset[Capability]
    probes: tuple[Probe, ...]


def _line(letter: str, head: str, *values: str) -> str:
    return f'printf("{letter} {HEAD}{" %llx" * len(values)}\\n", {", ".join((head, *values))});'


def _event(letter: str, *values: str, fd: str = _RUN_FD, result: str = "(uint64)0") -> str:
    head = f"(uint64)nsecs, (uint64)0, {_WHO}, {fd} | {_CPU}, {result}"
    return _line(letter, head, *values)


def _condition(event: KernelEvent) -> str:
    return "" if event.filter is None else event.filter.of_bpftrace()


_HEAD_OF_CALL = "$call.0, nsecs - $call.0, $who, $where, $ret"
_BEGIN_OF_EXIT = f"""\
  $call = @call[tid];
  if ($call.0) {{
    delete(@call[tid]);
    $ret = (uint64)args->ret;
    $who = {_WHO};"""


def _ioctl(cmd: int, letter: str, words: int, *values: str) -> str:
    """Print a call whose argument is a struct of so many u64 (user memory that KVM has just read)."""
    return f"""\
    if ($call.1 == {cmd:#x}) {{
      $at{words} = (struct words{words} *)uptr($call.3);
      $w{words} = *$at{words};
      {_line(letter, _HEAD_OF_CALL, *values)}
    }}
"""


def _words(count: int) -> tuple[str, ...]:
    return tuple(f"$w{count}.w[{i}]" for i in range(count))


_IS_WATCHED = " || ".join(f"$cmd == {cmd:#x}" for cmd in catalogue.IOCTLS)

# Every argument is read once: the verifier refuses what compilers make of a second reading.
_IOCTL_ENTER = f"""\
  $cmd = (uint64)args->cmd;
  $fd = (uint64)args->fd & 0xffffffff;
  $arg = (uint64)args->arg;
  if ({_IS_WATCHED}) {{
    @call[tid] = ((uint64)nsecs, $cmd, $fd, $arg);
    if (!@vmm[(uint64)pid]) {{
      @vmm[(uint64)pid] = 1;
    }}
  }}
  if ($cmd == {uapi.KVM_RUN:#x}) {{
    $mark = $fd + 1 + {_NEITHER:#x};
    $run = @run[tid];
    if ($run != $mark) {{
      @run[tid] = $mark;
      if (($run & 0xffffffff) != $fd + 1) {{
        @vmm[(uint64)pid] = 1;
        {_event("Q", fd="$fd")}
      }}
    }}
  }}"""

_IOCTL_EXIT = f"""\
{_BEGIN_OF_EXIT}
    $where = $call.2 | (@run[tid] & 0xff00000000) | {_CPU};
{_ioctl(uapi.KVM_SET_MEMORY_ATTRIBUTES, "A", 4, *_words(4))}\
{_ioctl(uapi.KVM_SET_MEMORY_ATTRIBUTES2, "B", 5, *_words(5))}\
{_ioctl(uapi.KVM_SET_USER_MEMORY_REGION, "R", 4, *_words(4))}\
{_ioctl(uapi.KVM_SET_USER_MEMORY_REGION2, "S", 6, *_words(6)[:5], "$w6.w[5] & 0xffffffff")}\
{_ioctl(uapi.KVM_CREATE_GUEST_MEMFD, "M", 2, *_words(2))}\
{_ioctl(uapi.KVM_MEMORY_ENCRYPT_REG_REGION, "E", 2, *_words(2))}\
{_ioctl(uapi.KVM_MEMORY_ENCRYPT_UNREG_REGION, "D", 2, *_words(2))}\
    if ($call.1 == {uapi.KVM_CREATE_VM:#x}) {{
      printf("n %llx %s\\n", $who, comm);
      {_line("V", _HEAD_OF_CALL, "$call.3")}
    }}
    if ($call.1 == {uapi.KVM_CREATE_VCPU:#x}) {{
      {_line("U", _HEAD_OF_CALL, "$call.3")}
    }}
    if (args->ret >= 0 && ($call.1 == {uapi.KVM_CREATE_VM:#x} || $call.1 == {uapi.KVM_CREATE_GUEST_MEMFD:#x})) {{
      @file[(uint64)pid, $ret] = 1;
    }}
  }}"""

_IOCTLS = Watch(
    frozenset(
        {
            Capability.CONVERSIONS,
            Capability.CONVERSION_RANGES,
            Capability.CONVERSION_RESULTS,
            Capability.MEMSLOTS,
            Capability.VM_CREATION,
            Capability.PROCESS_IDENTITY,
            Capability.GUEST_MEMFDS,
            Capability.VCPU_THREADS,
            Capability.IN_PLACE_CONVERSIONS,
            Capability.REGION_REGISTRATIONS,
        }
    ),
    (
        Probe(catalogue.IOCTL_ENTER.points, _IOCTL_ENTER),
        Probe(catalogue.IOCTL_EXIT.points, _IOCTL_EXIT),
    ),
)

_FALLOCATE = Watch(
    frozenset({Capability.FALLOCATE}),
    (
        Probe(
            catalogue.FALLOCATE_ENTER.points,
            "  @fallocate[tid] = ((uint64)nsecs, (uint64)args->fd & 0xffffffff, (uint64)args->mode,"
            " (uint64)args->offset, (uint64)args->len);",
        ),
        Probe(
            catalogue.FALLOCATE_EXIT.points,
            f"""\
  $call = @fallocate[tid];
  if ($call.0) {{
    delete(@fallocate[tid]);
    $ret = (uint64)args->ret;
    $who = {_WHO};
    $where = $call.1 | {_CPU};
    {_line("F", _HEAD_OF_CALL, "$call.2 & 0xffffffff", "$call.3", "$call.4")}
  }}""",
        ),
    ),
)

_CLOSE, _DUP, _CLOSE_RANGE = 1, 2, 3  # in place of an ioctl's number


def _enter(kind: int, fd: str, argument: str = "(uint64)0") -> str:
    return f"@call[tid] = ((uint64)nsecs, (uint64){kind}, (uint64){fd} & 0xffffffff, {argument});"


def _is_ours(fd: str) -> str:
    return f"@file[(uint64)pid, (uint64){fd} & 0xffffffff]"


def _exit_of_file(body: str) -> str:
    return f"""\
{_BEGIN_OF_EXIT}
    $where = $call.2 | {_CPU};
{body}
  }}"""


_CLOSED = f"""\
      if (args->ret >= 0) {{
        delete(@file[(uint64)pid, $call.2]);
      }}
      {_line("C", "$call.0, nsecs - $call.0, $who, $where, $ret")}"""
# dup2() and dup3() onto a descriptor of ours close it, unless they make another one of ours.
_FILES = Watch(
    frozenset({Capability.FD_LIFETIMES}),
    (
        Probe(
            catalogue.CLOSE_ENTER.points, "  " + _enter(_CLOSE, "args->fd"), _is_ours("args->fd")
        ),
        Probe(catalogue.CLOSE_EXIT.points, _exit_of_file(_CLOSED)),
        Probe(
            catalogue.DUP_ENTER.points,
            "  " + _enter(_DUP, "args->fildes"),
            _is_ours("args->fildes"),
        ),
        Probe(
            catalogue.DUP2_ENTER.points,
            f"""\
  if ({_is_ours("args->oldfd")}) {{
    {_enter(_DUP, "args->oldfd")}
  }} else {{
    {_enter(_CLOSE, "args->newfd")}
  }}""",
            "args->oldfd != args->newfd &&"
            f" ({_is_ours('args->oldfd')} || {_is_ours('args->newfd')})",
        ),
        Probe(
            catalogue.FCNTL_ENTER.points,
            "  " + _enter(_DUP, "args->fd"),
            f"({_condition(catalogue.FCNTL_ENTER)}) && {_is_ours('args->fd')}",
        ),
        Probe(
            (*catalogue.DUP_EXIT.points, *catalogue.FCNTL_EXIT.points),
            _exit_of_file(
                f"""\
    if ($call.1 == {_DUP}) {{
      if (args->ret >= 0) {{
        @file[(uint64)pid, $ret] = 1;
      }}
      {_line("P", _HEAD_OF_CALL)}
    }} else {{
      if (args->ret >= 0) {{
        $ret = (uint64)0;
      }}
{_CLOSED}
    }}"""
            ),
        ),
        Probe(
            catalogue.CLOSE_RANGE_ENTER.points,
            "  " + _enter(_CLOSE_RANGE, "args->fd", "(uint64)args->max_fd & 0xffffffff"),
            "@vmm[(uint64)pid] && args->flags == 0",
        ),
        Probe(
            catalogue.CLOSE_RANGE_EXIT.points,
            _exit_of_file(f"    {_line('W', _HEAD_OF_CALL, '$call.3')}"),
        ),
    ),
)

_CAUSES = Watch(
    frozenset({Capability.CAUSES}),
    (
        # Any other exit ends what a request of the guest explains.
        Probe(
            catalogue.USERSPACE_EXIT.points,
            f"""\
  $cause = (uint64){_NEITHER:#x};
  if (args->reason == {uapi.KVM_EXIT_HYPERCALL} && args->errno >= 0) {{
    $cause = (uint64)0x100000000;
  }}
  if (args->reason == {uapi.KVM_EXIT_MEMORY_FAULT} && args->errno < 0) {{
    $cause = (uint64)0x200000000;
    {_event("X", result="(uint64)args->errno")}
  }}
  $run = @run[tid];
  if (($run & 0xff00000000) != $cause) {{
    @run[tid] = ($run & 0xffffffff) | $cause;
  }}""",
        ),
    ),
)


def _printed(event: KernelEvent, condition: str = "", fd: str = _RUN_FD) -> Probe:
    """Print what an observation holds, as it is."""
    (call,) = event.calls
    (letter,) = call.letters
    values = [f"(uint64)args->{field}" for field in letter.fields]
    if letter.packs is not None:
        values = [_packed(event, letter.packs)]
    return Probe(event.points, f"  {_event(letter.letter, *values, fd=fd)}", condition)


def _packed(event: KernelEvent, index: int) -> str:
    """v[index] of the event's record, from its parts."""
    parts = (part for part in event.parts if part.index == index)
    return " | ".join(f"((uint64)args->{part.name} << {part.shift})" for part in parts)


def _watch(event: KernelEvent, condition: str = "") -> Watch:
    return Watch(event.gives & _QUESTIONS, (_printed(event, condition or _condition(event)),))


_QUESTIONS = frozenset(Capability) - {Capability.VCPU_THREADS}
"""All that observations answer here: KVM_RUN shows which thread runs which vCPU."""
_HYPERCALLS = _watch(catalogue.HYPERCALL)
_RMP_FAULTS = _watch(catalogue.RMP_FAULT)
_PORT_WRITES = _watch(catalogue.PIO)
_EXECS = _watch(catalogue.PROCESS_EXEC, "@vmm[(uint64)pid]")


def exits(group_dead: str) -> Watch:
    """The ends of threads; `group_dead` is an expression: 1, 0, or -1 where it is not known."""
    return Watch(
        frozenset(),
        (
            Probe(
                catalogue.PROCESS_EXIT.points,
                f"""\
  if (@run[tid]) {{
    delete(@run[tid]);
  }}
  if (@vmm[(uint64)pid]) {{
    $dead = (uint64)({group_dead});
    {_event("O", "(uint64)tid", "$dead")}
    if ($dead == 1) {{
      delete(@vmm[(uint64)pid]);
    }}
  }}""",
            ),
        ),
    )


BASIC = (_IOCTLS, _FALLOCATE, _FILES, _CAUSES, _HYPERCALLS, _RMP_FAULTS, _PORT_WRITES, _EXECS)

FAULTS = (_watch(catalogue.PAGE_FAULT), _watch(catalogue.UNMAP_HVA_RANGE))


def backing(device: int) -> Watch:
    """The page cache of the files of one device, as stat(2) names it."""
    condition = catalogue.of_device(device).of_bpftrace()
    added, deleted = catalogue.PAGE_CACHE_ADD, catalogue.PAGE_CACHE_DELETE
    no_file = "(uint64)0xffffffff"
    return Watch(added.gives, tuple(_printed(one, condition, no_file) for one in (added, deleted)))
