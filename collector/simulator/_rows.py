"""`EVENT` rows as a guest and its VMM would cause them, many at a time."""

import numpy as np
import numpy.typing as npt

from app.model.events import EVENT, EventArray, effect_time
from app.model.guest import (
    PAGES_PER_2M,
    UNKNOWN_LATENCY,
    UNKNOWN_VCPU,
    Cause,
    Certainty,
    EventKind,
    Outcome,
    To,
)
from collector.kvm import uapi
from collector.simulator._machine import Machine

PRIVATE_FAULT = (
    uapi.PFERR_WRITE_MASK
    | uapi.PFERR_GUEST_FINAL_MASK
    | uapi.PFERR_GUEST_ENC_MASK
    | uapi.PFERR_PRIVATE_ACCESS
)

CALL_NS = 8_000
NS_PER_PAGE = 60
CALL_SPREAD = 0.35
REQUEST_LEAD_NS = 6_000
PUNCH_NS = 12_000

Times = npt.NDArray[np.int64]
Gfns = npt.NDArray[np.uint64]
Vcpus = npt.NDArray[np.int16]


def blank(count: int, kind: EventKind) -> EventArray:
    """`count` rows of one kind that were seen and hold nothing else yet."""
    rows = np.zeros(count, EVENT)
    rows["kind"] = kind
    rows["latency_ns"] = UNKNOWN_LATENCY
    rows["vcpu"] = UNKNOWN_VCPU
    rows["to"] = To.UNKNOWN
    rows["range_certainty"] = Certainty.SEEN
    return rows


def call_latency(rng: np.random.Generator, npages: npt.NDArray[np.uint64]) -> Times:
    """Time inside KVM_SET_MEMORY_ATTRIBUTES: a log-normal cost of the call and one of its pages.

    4 KiB take some 5-20 us, 2 MiB 30-60 us; KVM walks every page at about 60 ns (1.9 TB took over
    30 s: Liam Merwick's report of June 2025).
    """
    noise = np.exp(rng.standard_normal(len(npages), dtype=np.float32) * np.float32(CALL_SPREAD))
    cost = noise * np.float32(CALL_NS)
    cost += npages.astype(np.float32) * np.float32(NS_PER_PAGE) * (1 + noise * np.float32(0.1))
    result: Times = cost.astype(np.int64)
    return result


def conversions(
    machine: Machine,
    rng: np.random.Generator,
    t: Times,
    gfn: Gfns,
    npages: npt.NDArray[np.uint64],
    to: npt.NDArray[np.uint8],
    vcpu: Vcpus,
    cause: Cause,
) -> EventArray:
    """Applied conversions entered at `t`, in the order given."""
    rows = blank(len(t), EventKind.CONVERSION)
    rows["t"] = t
    rows["latency_ns"] = call_latency(rng, npages)
    rows["gfn"] = gfn
    rows["npages"] = npages
    rows["to"] = to
    rows["aux"] = np.where(to == To.PRIVATE, uapi.KVM_MEMORY_ATTRIBUTE_PRIVATE, 0)
    rows["vcpu"] = vcpu
    rows["tid"] = machine.tids(vcpu)
    rows["cause"] = cause
    rows["cause_certainty"] = Certainty.SEEN
    return rows


def requests(rng: np.random.Generator, calls: EventArray) -> EventArray:
    """What made the VMM convert: the hypercall or the memory fault before each call.

    Conversions of the VMM's own accord have none.
    """
    asked = calls[calls["cause"] != Cause.VMM]
    rows: EventArray = asked.copy()
    is_hypercall = asked["cause"] == Cause.EXPLICIT
    rows["kind"] = np.where(is_hypercall, EventKind.HYPERCALL, EventKind.MEMORY_FAULT)
    rows["t"] -= rng.integers(REQUEST_LEAD_NS // 2, REQUEST_LEAD_NS, len(rows))
    rows["aux"] = np.where(is_hypercall, _map_gpa_attributes(asked), _fault_flags(asked))
    rows["latency_ns"] = UNKNOWN_LATENCY
    rows["outcome"] = Outcome.APPLIED
    rows["cause"] = Cause.NONE
    rows["cause_certainty"] = Certainty.UNKNOWN
    for column in ("errno", "address_low", "size_low"):
        rows[column] = 0
    return rows


def punches(machine: Machine, rng: np.random.Generator, calls: EventArray) -> EventArray:
    """The VMM frees the private half behind each applied conversion to shared."""
    freed = _applied(calls, To.SHARED)
    backings = machine.backings(freed["gfn"])
    rows = _aftermath(EventKind.PUNCH_HOLE, rng, freed)
    rows["latency_ns"] = rng.integers(PUNCH_NS // 2, PUNCH_NS, len(rows))
    rows["aux"] = backings.offsets
    mixed: EventArray = rows[backings.is_mixed]
    return mixed


def unmaps(machine: Machine, rng: np.random.Generator, calls: EventArray) -> EventArray:
    """The VMM discards the shared half behind each applied conversion to private."""
    freed = _applied(calls, To.PRIVATE)
    backings = machine.backings(freed["gfn"])
    rows = _aftermath(EventKind.UNMAP, rng, freed)
    rows["latency_ns"] = UNKNOWN_LATENCY
    rows["aux"] = backings.hvas
    mixed: EventArray = rows[backings.is_mixed]
    return mixed


def page_faults(machine: Machine, t: Times, gfn: Gfns, vcpu: Vcpus) -> EventArray:
    """Private faults of one page each, as AMD reports them (kvm:kvm_page_fault)."""
    rows = blank(len(t), EventKind.PAGE_FAULT)
    rows["t"] = t
    rows["gfn"] = gfn
    rows["npages"] = 1
    rows["to"] = To.PRIVATE
    rows["aux"] = PRIVATE_FAULT
    rows["vcpu"] = vcpu
    rows["tid"] = machine.tids(vcpu)
    return rows


def with_company(
    machine: Machine, rng: np.random.Generator, calls: EventArray, *, punched: bool = True
) -> EventArray:
    """Conversions with all that comes with them, by effect time.

    `punched` False: the VMM does not free the private half of what became shared.
    """
    parts = [requests(rng, calls), calls, unmaps(machine, rng, calls)]
    if punched:
        parts.append(punches(machine, rng, calls))
    return in_effect_order(*parts)


def in_effect_order(*parts: EventArray) -> EventArray:
    """All rows by effect time; rows of one instant keep the order given."""
    rows: EventArray = np.concatenate(parts)
    ordered: EventArray = rows[np.argsort(effect_time(rows), kind="stable")]
    return ordered


def _map_gpa_attributes(calls: EventArray) -> npt.NDArray[np.uint64]:
    size = np.where(calls["npages"] >= PAGES_PER_2M, uapi.KVM_MAP_GPA_RANGE_PAGE_SZ_2M, 0)
    state = np.where(calls["to"] == To.PRIVATE, uapi.KVM_MAP_GPA_RANGE_ENCRYPTED, 0)
    result: npt.NDArray[np.uint64] = (size | state).astype(np.uint64)
    return result


def _fault_flags(calls: EventArray) -> npt.NDArray[np.uint64]:
    private = np.where(calls["to"] == To.PRIVATE, uapi.KVM_MEMORY_EXIT_FLAG_PRIVATE, 0)
    result: npt.NDArray[np.uint64] = private.astype(np.uint64)
    return result


def _applied(calls: EventArray, to: To) -> EventArray:
    chosen: EventArray = calls[(calls["to"] == to) & (calls["outcome"] == Outcome.APPLIED)]
    return chosen


def _aftermath(kind: EventKind, rng: np.random.Generator, calls: EventArray) -> EventArray:
    """What the same thread does to the same range shortly after each conversion."""
    rows = calls.copy()
    rows["kind"] = kind
    rows["t"] = effect_time(calls) + rng.integers(1_000, 4_000, len(calls))
    rows["to"] = To.UNKNOWN
    rows["cause"] = Cause.NONE
    rows["cause_certainty"] = Certainty.UNKNOWN
    return rows
