"""What can be traced: the events that concern guest memory, and the means to record them."""

from dataclasses import dataclass

from collector.capture.host_facts._tree import Tree
from collector.kvm.catalogue import cost_of_absence

TRACEFS = "/sys/kernel/tracing"
EVENTS = tuple(cost_of_absence())


@dataclass(frozen=True, slots=True)
class TracingFacts:
    """None: this caller may not look."""

    is_mounted: bool | None
    events: dict[str, bool] | None
    has_dynamic_events: bool | None
    has_kprobes: bool | None
    has_large_sub_buffers: bool | None  # buffer_subbuf_size_kb
    clocks: tuple[str, ...] | None
    instances: tuple[str, ...] | None


def tracing_facts(tree: Tree) -> TracingFacts:
    names = tree.names(TRACEFS)
    if names is None:
        unseen = None if TRACEFS in tree.forbidden else False
        return TracingFacts(unseen, None, None, None, None, None, None)
    instances = tree.names(f"{TRACEFS}/instances")
    return TracingFacts(
        is_mounted="events" in names,
        events={name: has_event(tree, name) for name in EVENTS},
        has_dynamic_events="dynamic_events" in names,
        has_kprobes="kprobe_events" in names,
        has_large_sub_buffers="buffer_subbuf_size_kb" in names,
        clocks=clocks_of(tree.text(f"{TRACEFS}/trace_clock")),
        instances=None if instances is None else tuple(instances),
    )


def has_event(tree: Tree, name: str) -> bool:
    return bool(tree.has(f"{TRACEFS}/events/{name.replace(':', '/')}"))


def clocks_of(text: str | None) -> tuple[str, ...] | None:
    """The names in `[local] global mono`."""
    return None if text is None else tuple(text.replace("[", "").replace("]", "").split())
