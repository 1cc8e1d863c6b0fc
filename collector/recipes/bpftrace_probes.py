"""The probes of the bpftrace program, by what they are watched for.

Every line that they print is a letter and numbers in hexadecimal; see collector.sources.bpftrace_shapes.
Maps: @call what a thread is in, @run the vCPU's fd it runs (plus one) and why it came back (32
bits up: 1 its guest asked, 2 its guest touched a page, 3 neither, 0 it never ran one), @vmm the processes that own VMs, @file their descriptors of VMs and guest_memfds.
"""

# ruff: noqa: E501 -- programs for others, which do not break lines

from dataclasses import dataclass

from collector.coverage import Capability
from collector.kvm import uapi

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


_WATCHED = (
    uapi.KVM_SET_MEMORY_ATTRIBUTES,
    uapi.KVM_SET_USER_MEMORY_REGION,
    uapi.KVM_SET_USER_MEMORY_REGION2,
    uapi.KVM_CREATE_GUEST_MEMFD,
    uapi.KVM_CREATE_VM,
    uapi.KVM_CREATE_VCPU,
    uapi.KVM_SET_MEMORY_ATTRIBUTES2,
    uapi.KVM_MEMORY_ENCRYPT_REG_REGION,
    uapi.KVM_MEMORY_ENCRYPT_UNREG_REGION,
)
_IS_WATCHED = " || ".join(f"$cmd == {cmd:#x}" for cmd in _WATCHED)

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
        Probe(("syscalls:sys_enter_ioctl",), _IOCTL_ENTER),
        Probe(("syscalls:sys_exit_ioctl",), _IOCTL_EXIT),
    ),
)

_FALLOCATE = Watch(
    frozenset({Capability.FALLOCATE}),
    (
        Probe(
            ("syscalls:sys_enter_fallocate",),
            "  @fallocate[tid] = ((uint64)nsecs, (uint64)args->fd & 0xffffffff, (uint64)args->mode,"
            " (uint64)args->offset, (uint64)args->len);",
        ),
        Probe(
            ("syscalls:sys_exit_fallocate",),
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
            ("syscalls:sys_enter_close",), "  " + _enter(_CLOSE, "args->fd"), _is_ours("args->fd")
        ),
        Probe(("syscalls:sys_exit_close",), _exit_of_file(_CLOSED)),
        Probe(
            ("syscalls:sys_enter_dup",),
            "  " + _enter(_DUP, "args->fildes"),
            _is_ours("args->fildes"),
        ),
        Probe(
            ("syscalls:sys_enter_dup2", "syscalls:sys_enter_dup3"),
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
            ("syscalls:sys_enter_fcntl",),
            "  " + _enter(_DUP, "args->fd"),
            f"(args->cmd == {uapi.F_DUPFD} || args->cmd == {uapi.F_DUPFD_CLOEXEC})"
            f" && {_is_ours('args->fd')}",
        ),
        Probe(
            (
                "syscalls:sys_exit_dup",
                "syscalls:sys_exit_dup2",
                "syscalls:sys_exit_dup3",
                "syscalls:sys_exit_fcntl",
            ),
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
            ("syscalls:sys_enter_close_range",),
            "  " + _enter(_CLOSE_RANGE, "args->fd", "(uint64)args->max_fd & 0xffffffff"),
            "@vmm[(uint64)pid] && args->flags == 0",
        ),
        Probe(
            ("syscalls:sys_exit_close_range",),
            _exit_of_file(f"    {_line('W', _HEAD_OF_CALL, '$call.3')}"),
        ),
    ),
)

_CAUSES = Watch(
    frozenset({Capability.CAUSES}),
    (
        # Any other exit ends what a request of the guest explains.
        Probe(
            ("kvm:kvm_userspace_exit",),
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

_HYPERCALLS = Watch(
    frozenset({Capability.HYPERCALLS, Capability.REQUESTED_RANGES}),
    (
        Probe(
            ("kvm:kvm_hypercall",),
            f"  {_event('H', '(uint64)args->a0', '(uint64)args->a1', '(uint64)args->a2')}",
            f"args->nr == {uapi.KVM_HC_MAP_GPA_RANGE}",
        ),
    ),
)

_RMP_FAULTS = Watch(
    frozenset(),
    (
        Probe(
            ("kvm:kvm_rmp_fault",),
            "  "
            + _event(
                "I",
                "(uint64)args->gpa",
                "(uint64)args->error_code",
                "(uint64)args->rmp_level",
                "(uint64)args->vcpu_id",
            ),
        ),
    ),
)

_EXECS = Watch(
    frozenset(),
    (
        Probe(
            ("sched:sched_process_exec",),
            f"  {_event('N', '(uint64)args->pid', '(uint64)args->old_pid')}",
            "@vmm[(uint64)pid]",
        ),
    ),
)


def exits(group_dead: str) -> Watch:
    """The ends of threads; `group_dead` is an expression: 1, 0, or -1 where nothing tells."""
    return Watch(
        frozenset(),
        (
            Probe(
                ("sched:sched_process_exit",),
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


BASIC = (_IOCTLS, _FALLOCATE, _FILES, _CAUSES, _HYPERCALLS, _RMP_FAULTS, _EXECS)

FAULTS = (
    Watch(
        frozenset({Capability.PAGE_FAULTS}),
        (
            Probe(
                ("kvm:kvm_page_fault",),
                "  "
                + _event(
                    "G",
                    "(uint64)args->fault_address",
                    "(uint64)args->error_code",
                    "(uint64)args->vcpu_id",
                ),
            ),
        ),
    ),
    Watch(
        frozenset({Capability.UNMAPS}),
        (
            Probe(
                ("kvm:kvm_unmap_hva_range",),
                f"  {_event('J', '(uint64)args->start', '(uint64)args->end')}",
            ),
        ),
    ),
)


def backing(device: int) -> Watch:
    """The page cache of the files of one device, numbered as the events do."""
    values = ("(uint64)args->i_ino", "(uint64)args->index", "(uint64)args->s_dev")
    probes = tuple(
        Probe(
            (f"filemap:mm_filemap_{event}_page_cache",),
            f"  {_event(letter, *values, '(uint64)args->order', fd='(uint64)0xffffffff')}",
            f"args->s_dev == {device}",
        )
        for letter, event in (("K", "add_to"), ("L", "delete_from"))
    )
    return Watch(frozenset({Capability.BACKING}), probes)
