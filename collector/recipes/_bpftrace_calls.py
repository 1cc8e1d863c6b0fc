"""The probes of the bpftrace program on system calls: entries are kept, returns print the line."""

# ruff: noqa: E501 -- programs for others, which do not break lines

from collector.codes import SAW_GMEM
from collector.coverage import Capability
from collector.kvm import catalogue, uapi
from collector.kvm.catalogue import KernelEvent, Letter
from collector.recipes._bpftrace_probe import (
    CPU,
    NEITHER,
    WHO,
    Probe,
    Watch,
    condition_of,
    event,
    line,
)

_HEAD_OF_CALL = "$call.0, nsecs - $call.0, $who, $where, $ret"
_IOCTL_EVENTS = (
    catalogue.IOCTL_ENTER,
    catalogue.IOCTL_EXIT,
    *(row for row in catalogue.EVENTS if row.has_event_probe and row.probes),
)
_IOCTL_LETTERS = tuple(
    letter for row in _IOCTL_EVENTS for call in row.calls for letter in call.letters if letter.ioctl
)
"""The lines of ioctls."""


def _begin_of_exit(calls: str = "@call") -> str:
    return f"""\
  $call = {calls}[tid];
  if ($call.0) {{
    delete({calls}[tid]);
    $ret = (uint64)args->ret;
    $who = {WHO};"""


def _struct_line(letter: Letter) -> str:
    """Print the struct that an ioctl was given (user memory that KVM has just read)."""
    count = letter.values
    words = [f"$w{count}.w[{i}]" for i in range(count)]
    if letter.flags & SAW_GMEM:
        words[-1] += " & 0xffffffff"  # guest_memfd, before padding
    return f"""\
    if ($call.1 == {letter.ioctl:#x}) {{
      $at{count} = (struct words{count} *)uptr($call.3);
      $w{count} = *$at{count};
      {line(letter.letter, _HEAD_OF_CALL, *words)}
    }}
"""


def _argument_line(letter: Letter) -> str:
    """Print the number that an ioctl was given; of a new VM, the name of its process before."""
    name = ""
    if letter.ioctl == uapi.KVM_CREATE_VM:
        name = '      printf("n %llx %s\\n", $who, comm);\n'
    return f"""\
    if ($call.1 == {letter.ioctl:#x}) {{
{name}\
      {line(letter.letter, _HEAD_OF_CALL, "$call.3")}
    }}
"""


_STRUCT_LINES = "".join(_struct_line(one) for one in _IOCTL_LETTERS if one.ioctl in uapi.STRUCT_OF)
_ARGUMENT_LINES = "".join(
    _argument_line(one) for one in _IOCTL_LETTERS if one.ioctl not in uapi.STRUCT_OF
)
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
    $mark = $fd + 1 + {NEITHER:#x};
    $run = @run[tid];
    if ($run != $mark) {{
      @run[tid] = $mark;
      if (($run & 0xffffffff) != $fd + 1) {{
        @vmm[(uint64)pid] = 1;
        {event("Q", fd="$fd")}
      }}
    }}
  }}"""

_IOCTL_EXIT = f"""\
{_begin_of_exit()}
    $where = $call.2 | (@run[tid] & 0xff00000000) | {CPU};
{_STRUCT_LINES}\
{_ARGUMENT_LINES}\
    if (args->ret >= 0 && ($call.1 == {uapi.KVM_CREATE_VM:#x} || $call.1 == {uapi.KVM_CREATE_GUEST_MEMFD:#x})) {{
      @file[(uint64)pid, $ret] = 1;
    }}
  }}"""

_SEEN_BY_LINES = frozenset(
    {Capability.PROCESS_IDENTITY, Capability.VCPU_THREADS, Capability.IN_PLACE_CONVERSIONS}
)
"""What ioctls answer here besides: each line names its process, and all are printed."""
_IOCTLS = Watch(
    _SEEN_BY_LINES.union(*(row.gives for row in _IOCTL_EVENTS)),
    (
        Probe(catalogue.IOCTL_ENTER.points, _IOCTL_ENTER),
        Probe(catalogue.IOCTL_EXIT.points, _IOCTL_EXIT),
    ),
)


def _kept_fields(row: KernelEvent) -> str:
    """The arguments of a system call but for its descriptor, the first."""
    return ", ".join(f"(uint64)args->{part.name}" for part in row.parts[1:])


_FALLOCATE_ENTER = (
    "  @fallocate[tid] = ((uint64)nsecs, (uint64)args->fd & 0xffffffff,"
    f" {_kept_fields(catalogue.FALLOCATE_ENTER)});"
)
_FALLOCATE_EXIT = f"""\
{_begin_of_exit("@fallocate")}
    $where = $call.1 | {CPU};
    {line("F", _HEAD_OF_CALL, "$call.2 & 0xffffffff", "$call.3", "$call.4")}
  }}"""
_FALLOCATE = Watch(
    catalogue.FALLOCATE_ENTER.gives,
    (
        Probe(catalogue.FALLOCATE_ENTER.points, _FALLOCATE_ENTER),
        Probe(catalogue.FALLOCATE_EXIT.points, _FALLOCATE_EXIT),
    ),
)

_CLOSE, _DUP, _CLOSE_RANGE = 1, 2, 3  # in place of an ioctl's number


def _enter(kind: int, fd: str, argument: str = "(uint64)0") -> str:
    return f"@call[tid] = ((uint64)nsecs, (uint64){kind}, (uint64){fd} & 0xffffffff, {argument});"


def _is_ours(fd: str) -> str:
    return f"@file[(uint64)pid, (uint64){fd} & 0xffffffff]"


def _exit_of_file(body: str) -> str:
    return f"""\
{_begin_of_exit()}
    $where = $call.2 | {CPU};
{body}
  }}"""


def _enter_of_file(row: KernelEvent, kind: int) -> Probe:
    """A system call on a descriptor, its first argument, that is one of ours."""
    fd = f"args->{row.parts[0].name}"
    condition = condition_of(row) if kind == _DUP else ""
    is_ours = f"({condition}) && {_is_ours(fd)}" if condition else _is_ours(fd)
    return Probe(row.points, "  " + _enter(kind, fd), is_ours)


_CLOSED = f"""\
      if (args->ret >= 0) {{
        delete(@file[(uint64)pid, $call.2]);
      }}
      {line("C", _HEAD_OF_CALL)}"""
_DUPLICATED = f"""\
    if ($call.1 == {_DUP}) {{
      if (args->ret >= 0) {{
        @file[(uint64)pid, $ret] = 1;
      }}
      {line("P", _HEAD_OF_CALL)}
    }} else {{
      if (args->ret >= 0) {{
        $ret = (uint64)0;
      }}
{_CLOSED}
    }}"""
# dup2() and dup3() onto a descriptor of ours close it, unless they make another one of ours.
_DUP2 = Probe(
    catalogue.DUP2_ENTER.points,
    f"""\
  if ({_is_ours("args->oldfd")}) {{
    {_enter(_DUP, "args->oldfd")}
  }} else {{
    {_enter(_CLOSE, "args->newfd")}
  }}""",
    f"args->oldfd != args->newfd && ({_is_ours('args->oldfd')} || {_is_ours('args->newfd')})",
)
_FILES = Watch(
    catalogue.CLOSE_ENTER.gives,
    (
        _enter_of_file(catalogue.CLOSE_ENTER, _CLOSE),
        Probe(catalogue.CLOSE_EXIT.points, _exit_of_file(_CLOSED)),
        _enter_of_file(catalogue.DUP_ENTER, _DUP),
        _DUP2,
        _enter_of_file(catalogue.FCNTL_ENTER, _DUP),
        Probe(
            (*catalogue.DUP_EXIT.points, *catalogue.FCNTL_EXIT.points), _exit_of_file(_DUPLICATED)
        ),
        Probe(
            catalogue.CLOSE_RANGE_ENTER.points,
            "  " + _enter(_CLOSE_RANGE, "args->fd", "(uint64)args->max_fd & 0xffffffff"),
            f"@vmm[(uint64)pid] && {condition_of(catalogue.CLOSE_RANGE_ENTER)}",
        ),
        Probe(
            catalogue.CLOSE_RANGE_EXIT.points,
            _exit_of_file(f"    {line('W', _HEAD_OF_CALL, '$call.3')}"),
        ),
    ),
)

SYSTEM_CALLS = (_IOCTLS, _FALLOCATE, _FILES)
