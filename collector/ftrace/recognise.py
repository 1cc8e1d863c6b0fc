"""Which kernel events mean what: event formats to RecordCodes.

Tracepoints are known by their names, probes only by their fields: everyone names those as he
likes. A kprobe is told by __probe_ip, a kretprobe by __probe_func. What a return probe or a probe
on a system call's exit belongs to is not in its format: see collector.ftrace.returns.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from collector.ftrace.formats import EventFormat, Field
from collector.ftrace.plan import EventPlan, Value
from collector.records import HAS_GMEM, RecordCode

ENTRY_ADDRESS = "__probe_ip"
FUNCTION_ADDRESS = "__probe_func"

_ALIASES = {
    "guest_phys_addr": "gpa",
    "memory_size": "size",
    "userspace_addr": "hva",
    "guest_memfd_offset": "gmem_off",
    "guest_memfd": "gmem_fd",
    "offset": "off",
    "gflags": "flags",
}
"""The kernel's own names for what the recipes shorten."""


@dataclass(frozen=True, slots=True)
class Source:
    """One value of a record: a field by name, or a constant where the event lacks it."""

    index: int
    name: str
    default: int | None = None  # None: the field must be there
    shift: int = 0


def _sources(*names: str) -> tuple[Source, ...]:
    return tuple(Source(index, name) for index, name in enumerate(names))


_VCPU = Source(0, "vcpu_id", default=-1)
_SLOT = (Source(1, "slot"), Source(1, "flags", shift=32))
_REGION = (*_SLOT, Source(2, "gpa"), Source(3, "size"), Source(4, "hva"))
_GMEM = (Source(5, "gmem_off"), Source(6, "gmem_fd"))

_TRACEPOINTS: dict[str, tuple[RecordCode, tuple[Source, ...]]] = {
    "syscalls:sys_enter_ioctl": (RecordCode.IOCTL_ENTER, _sources("fd", "cmd", "arg")),
    "syscalls:sys_exit_ioctl": (RecordCode.IOCTL_EXIT, _sources("ret")),
    "syscalls:sys_enter_fallocate": (
        RecordCode.FALLOCATE_ENTER,
        _sources("fd", "mode", "offset", "len"),
    ),
    "syscalls:sys_exit_fallocate": (RecordCode.FALLOCATE_EXIT, _sources("ret")),
    "syscalls:sys_enter_close": (RecordCode.CLOSE_ENTER, _sources("fd")),
    "syscalls:sys_exit_close": (RecordCode.CLOSE_EXIT, _sources("ret")),
    "syscalls:sys_enter_close_range": (
        RecordCode.CLOSE_RANGE_ENTER,
        _sources("fd", "max_fd", "flags"),
    ),
    "syscalls:sys_exit_close_range": (RecordCode.CLOSE_RANGE_EXIT, _sources("ret")),
    "syscalls:sys_enter_dup": (RecordCode.DUP_ENTER, _sources("fildes")),
    "syscalls:sys_enter_dup2": (RecordCode.DUP_ENTER, _sources("oldfd")),
    "syscalls:sys_enter_dup3": (RecordCode.DUP_ENTER, _sources("oldfd")),
    "syscalls:sys_exit_dup": (RecordCode.DUP_EXIT, _sources("ret")),
    "syscalls:sys_exit_dup2": (RecordCode.DUP_EXIT, _sources("ret")),
    "syscalls:sys_exit_dup3": (RecordCode.DUP_EXIT, _sources("ret")),
    "kvm:kvm_hypercall": (RecordCode.HYPERCALL, _sources("nr", "a0", "a1", "a2", "a3")),
    "kvm:kvm_userspace_exit": (RecordCode.USERSPACE_EXIT, _sources("reason", "errno")),
    "kvm:kvm_page_fault": (
        RecordCode.PAGE_FAULT,
        (_VCPU, *_sources("", "guest_rip", "fault_address", "error_code")[1:]),
    ),
    "kvm:kvm_unmap_hva_range": (RecordCode.UNMAP_HVA_RANGE, _sources("start", "end")),
    "kvm:kvm_rmp_fault": (
        RecordCode.RMP_FAULT,
        _sources("vcpu_id", "gpa", "pfn", "error_code", "rmp_level", "psmash_ret"),
    ),
    "task:task_newtask": (RecordCode.NEW_TASK, _sources("pid", "clone_flags")),
    "sched:sched_process_exec": (RecordCode.PROCESS_EXEC, _sources("pid", "old_pid")),
    "sched:sched_process_exit": (
        RecordCode.PROCESS_EXIT,
        (Source(0, "pid"), Source(1, "group_dead", default=-1)),
    ),
}
_PAGE_CACHE = (*_sources("pfn", "i_ino", "index", "s_dev"), Source(4, "order", default=0))
_TRACEPOINTS |= {
    "filemap:mm_filemap_add_to_page_cache": (RecordCode.PAGE_CACHE_ADD, _PAGE_CACHE),
    "filemap:mm_filemap_delete_from_page_cache": (RecordCode.PAGE_CACHE_DELETE, _PAGE_CACHE),
}


_FILTERED: dict[str, tuple[RecordCode, tuple[Source, ...]]] = {
    "syscalls:sys_enter_fcntl": (RecordCode.DUP_ENTER, _sources("fd")),
    "syscalls:sys_exit_fcntl": (RecordCode.DUP_EXIT, _sources("ret")),
}
"""What they mean where collector.ftrace.tracepoints.DUPLICATES filtered them."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Fields that tell what an event of any name is."""

    code: RecordCode
    sources: tuple[Source, ...]
    optional: frozenset[str] = frozenset()  # further fields it may have
    flags: int = 0

    def fits(self, names: frozenset[str]) -> bool:
        wanted = {source.name for source in self.sources if source.default is None}
        known = {source.name for source in self.sources} | self.optional
        return wanted <= names <= known


_ATTRIBUTE_TRACEPOINTS = (
    # Linux commit 741e595f02fe (in v6.17), whatever it will be renamed to.
    Shape(RecordCode.SET_ATTRIBUTES, _sources("start", "end", "attr")),
    # Out of tree, AMD's development kernels: a count of gfns instead of the end.
    Shape(
        RecordCode.SET_ATTRIBUTES,
        (Source(0, "start"), Source(1, "start"), Source(1, "cnt"), Source(2, "attributes")),
    ),
)

EVENT_PROBES = (
    Shape(
        RecordCode.USER_SET_ATTRIBUTES,
        (
            *_sources("fd", "address", "size", "attributes"),
            Source(4, "flags", default=0),
            Source(5, "cmd", default=0),
        ),
    ),
    Shape(RecordCode.USER_REGION, (Source(0, "fd"), *_REGION, *_GMEM), flags=HAS_GMEM),
    Shape(RecordCode.USER_REGION, (Source(0, "fd"), *_REGION)),
    Shape(RecordCode.USER_GUEST_MEMFD, _sources("fd", "size", "flags")),
    Shape(
        RecordCode.USER_ENC_REGION,
        (*_sources("fd", "addr", "size"), Source(3, "cmd", default=0)),
    ),
    Shape(RecordCode.FALLOCATE_ENTER, _sources("fd", "mode", "off", "len")),
    Shape(RecordCode.IOCTL_ENTER, _sources("fd", "cmd", "arg")),
)

USER_PROBES = frozenset(shape.code for shape in EVENT_PROBES) - {
    RecordCode.FALLOCATE_ENTER,
    RecordCode.IOCTL_ENTER,
}
"""What only event probes tell."""

KPROBES = (
    Shape(
        RecordCode.VM_IOCTL,
        (
            Source(0, "kvm", default=0),
            *_sources("", "cmd", "f0", "f1", "f2", "f3", "f4", "f5")[1:],
        ),
    ),
    Shape(RecordCode.SET_MEMSLOT, (Source(0, "kvm"), *_REGION, *_GMEM), flags=HAS_GMEM),
    Shape(RecordCode.SET_MEMSLOT, (Source(0, "kvm"), *_REGION)),
    Shape(
        RecordCode.POST_ATTRIBUTES,
        (
            Source(0, "kvm"),
            Source(1, "slot_id", default=-1),
            *_sources("", "", "start", "end", "attr")[2:],
        ),
    ),
    Shape(RecordCode.GMEM_FALLOCATE, _sources("file", "mode", "off", "len")),
    Shape(RecordCode.GMEM_CREATE, _sources("kvm", "size", "flags")),
)


_DESCRIPTORS = ("fd", "fildes", "oldfd")
_INT, _LONG = 4, 8
_TYPE = r"[us](?:8|16|32|64) "
_PROBE_TYPE = re.compile(_TYPE + r"\w+")
_PROBE_FIELD = re.compile(rf"field:{_TYPE}(?:fd|ret);|__probe_(?:ip|func);")


@dataclass(frozen=True, slots=True)
class ReturnProbe:
    """A probe of which only the result is known: which call's it is must come from the data."""

    event: EventFormat
    result: Field
    function: Field | None  # __probe_func of a kretprobe; None: on a system call's exit

    def plan(self, code: RecordCode) -> EventPlan:
        return EventPlan(self.event, code, (Value(0, self.result),))


@dataclass(slots=True)
class Recognised:
    """What a recording's event formats amount to."""

    plans: list[EventPlan] = field(default_factory=list)
    kprobes: list[EventPlan] = field(default_factory=list)  # those of `plans` at kernel functions
    returns: list[ReturnProbe] = field(default_factory=list)  # not yet in `plans`


def recognise(formats: Iterable[EventFormat], *, is_filtered: bool = False) -> Recognised:
    """`is_filtered`: the events passed the filters of a live recording."""
    recognised = Recognised()
    for event in formats:
        plan = _tracepoint(event) or _probe(event)
        if is_filtered and event.full_name in _FILTERED:
            plan = _plan(event, *_FILTERED[event.full_name])
        if plan is not None:
            recognised.plans.append(plan)
            if event.field(ENTRY_ADDRESS) is not None:
                recognised.kprobes.append(plan)
        elif (probe := _return_probe(event)) is not None:
            recognised.returns.append(probe)
    return recognised


def _tracepoint(event: EventFormat) -> EventPlan | None:
    if event.full_name in _TRACEPOINTS:
        code, sources = _TRACEPOINTS[event.full_name]
        return _plan(event, code, sources)
    if event.system != "kvm":
        return None
    return _by_shape(event, _ATTRIBUTE_TRACEPOINTS)


def _probe(event: EventFormat) -> EventPlan | None:
    if not _is_probe(event) or event.field(FUNCTION_ADDRESS) is not None:
        return None
    return _by_shape(event, EVENT_PROBES if event.field(ENTRY_ADDRESS) is None else KPROBES)


def _by_shape(event: EventFormat, shapes: Iterable[Shape]) -> EventPlan | None:
    names = frozenset(canonical(name) for name in event.own_names if not _is_address(name))
    for shape in shapes:
        if shape.fits(names):
            return _plan(event, shape.code, shape.sources, shape.flags)
    return None


def _return_probe(event: EventFormat) -> ReturnProbe | None:
    if not _is_probe(event):
        return None
    own = [name for name in event.own_names if not _is_address(name)]
    if own not in (["ret"], ["fd"]) or event.field(ENTRY_ADDRESS) is not None:
        return None
    result, function = event.field(own[0]), event.field(FUNCTION_ADDRESS)
    if result is None or not result.is_integer or (function is None and own != ["ret"]):
        return None
    return ReturnProbe(event, result, function)


def _plan(
    event: EventFormat, code: RecordCode, sources: Iterable[Source], flags: int = 0
) -> EventPlan | None:
    """The plan, or None if the event lacks a field that nothing can stand in for."""
    fields = {canonical(f.name): f for f in event.fields} | {f.name: f for f in event.fields}
    values = []
    for source in sources:
        found = fields.get(source.name)
        if found is not None and found.is_integer:
            values.append(Value(source.index, _as_number(found), shift=source.shift))
        elif source.default is not None:
            values.append(Value(source.index, constant=source.default, shift=source.shift))
        else:
            return None
    return EventPlan(event, code, tuple(values), flags)


def _as_number(found: Field) -> Field:
    """System calls keep an int in 8 bytes, not extended by its sign: -1 as 0xffffffff."""
    if found.name in _DESCRIPTORS and found.size == _LONG:
        return replace(found, size=_INT, is_signed=True)
    return found


def _is_probe(event: EventFormat) -> bool:
    """Probes have one of few fields, and types of the tracer's own: "int ret" is a tracepoint's.

    The look at the text comes first: it spares parsing the formats of a thousand tracepoints.
    """
    if _PROBE_FIELD.search(event.text) is None:
        return False
    own = (f for f in event.fields if not f.name.startswith(("common_", "__probe_")))
    return all(_PROBE_TYPE.fullmatch(field.declaration) for field in own)


def canonical(name: str) -> str:
    return _ALIASES.get(name, name)


def _is_address(name: str) -> bool:
    return name.startswith("__probe_")
