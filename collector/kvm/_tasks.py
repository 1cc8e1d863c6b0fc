"""The page cache of files, and tasks that come and go."""

from app.model.guest import Capability as Can, EventKind as Kind
from collector.codes import CallCode, RecordCode
from collector.kvm._row import (
    CALL,
    Call,
    KernelEvent,
    Letter,
    Line,
    Part,
    Recorded,
    Store,
    constant,
    parts,
)

_PAGE_CACHE_LINE = Line(
    "dev #:# ino % pfn=% ofs=# order=#",
    (
        Store(3, shift=20),  # major and minor number of the device
        Store(3),
        Store(1),
        Store(0),
        Store(2, shift=-12),  # bytes, of which the index is the page
        Store(4),
    ),
)


def _page_cache(code: RecordCode, event: str, call: Call, without: str) -> KernelEvent:
    return KernelEvent(
        code=code,
        points=(f"filemap:{event}",),
        parts=(*parts("pfn", "i_ino", "index", "s_dev"), Part(4, "order", default=0)),
        lines=(_PAGE_CACHE_LINE,),
        recorded=Recorded.BACKING,
        calls=(call,),
        gives=frozenset({Can.BACKING}),
        without=without,
    )


def _page_cache_call(code: CallCode, kind: Kind, letter: str, event: str) -> Call:
    fields = ("i_ino", "index", "s_dev", "order")
    return Call(
        code,
        kind,
        aux=1,
        copies=(1, 2, 3, 4),
        letters=(Letter(letter, event, CALL, 4, fields=fields),),
    )


PAGE_CACHE_ADD = _page_cache(
    RecordCode.PAGE_CACHE_ADD,
    "mm_filemap_add_to_page_cache",
    _page_cache_call(CallCode.PAGE_CACHE_ADD, Kind.POPULATE, "K", "mm_filemap_add_to_page_cache"),
    "pages that a guest_memfd gains are not counted",
)
PAGE_CACHE_DELETE = _page_cache(
    RecordCode.PAGE_CACHE_DELETE,
    "mm_filemap_delete_from_page_cache",
    _page_cache_call(
        CallCode.PAGE_CACHE_DELETE, Kind.DEPOPULATE, "L", "mm_filemap_delete_from_page_cache"
    ),
    "pages that a guest_memfd loses are not counted",
)
NEW_TASK = KernelEvent(
    code=RecordCode.NEW_TASK,
    points=("task:task_newtask",),
    parts=parts("pid", "clone_flags"),
    lines=(Line("pid=# comm=~ clone_flags=%"),),
    recorded=Recorded.ALWAYS,
    calls=(Call(CallCode.NEW_TASK, is_flood=False, copies=(0, 1)),),
    gives=frozenset({Can.PROCESS_IDENTITY}),
    without="threads are matched to processes by /proc, which may come too late",
)
PROCESS_EXEC = KernelEvent(
    code=RecordCode.PROCESS_EXEC,
    points=("sched:sched_process_exec",),
    parts=parts("pid", "old_pid"),
    lines=(Line("filename=~ pid=# old_pid=#"),),
    recorded=Recorded.ALWAYS,
    calls=(
        Call(
            CallCode.PROCESS_EXEC,
            is_flood=False,
            copies=(0, 1),
            letters=(Letter("N", "sched_process_exec", CALL, 2, fields=("pid", "old_pid")),),
        ),
    ),
)
PROCESS_EXIT = KernelEvent(
    code=RecordCode.PROCESS_EXIT,
    points=("sched:sched_process_exit",),
    parts=(Part(0, "pid"), Part(1, "group_dead", default=-1)),
    lines=(
        Line(
            "comm=~ pid=# prio=# group_dead=true",
            (Store(0), Store(2, factor=0)),
            (constant(1, 1),),
        ),
        Line("comm=~ pid=# prio=# group_dead=false", (Store(0), Store(2, factor=0))),
        Line("comm=~ pid=#", constants=(constant(1, -1),)),
    ),
    recorded=Recorded.ALWAYS,
    calls=(
        Call(
            CallCode.PROCESS_EXIT,
            is_flood=False,
            copies=(0, 1),
            letters=(Letter("O", "sched_process_exit", CALL, 2),),
        ),
    ),
    without="the end of a VMM is not seen",
)
