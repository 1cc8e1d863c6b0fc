"""Who converted pages back and forth, how often, and how far apart."""

import numpy as np

from app.model.events import Window
from app.model.guest import EventKind
from app.model.stats import EventQuery, FlipRunArray, Ints, flips_among, flips_of_runs, only
from app.queries.figures import hex_gpa
from app.queries.storms._details import FlipThread, PingPongView
from app.store.read import Reader

THREADS_SHOWN = 5


def ping_pong(
    reader: Reader, vm_id: int, runs: FlipRunArray, from_t: int, to_t: int
) -> list[PingPongView]:
    """In the order of `runs`, which are few; reads the interval once more."""
    if not len(runs):
        return []
    order = np.argsort(runs["gfn"])
    which, times, events = _flips_of(reader, vm_id, runs[order], from_t, to_t)
    wanted = np.unique(events)
    who = _threads_of(reader, vm_id, wanted, from_t, to_t)[np.searchsorted(wanted, events)]
    views = {}
    for i in range(len(runs)):
        ours = which == i
        views[int(order[i])] = _view(runs[order[i]], times[ours], who[ours])
    return [views[i] for i in range(len(runs))]


def _flips_of(
    reader: Reader, vm_id: int, runs: FlipRunArray, from_t: int, to_t: int
) -> tuple[Ints, Ints, Ints]:
    """(which of the runs, which ascend, instant, event) of each flip of each run."""
    gfns = runs["gfn"].astype(np.int64)
    window = Window(from_t, to_t, int(gfns[0]), int(runs["gfn"][-1] + runs["npages"][-1]))
    parts = [np.zeros((3, 0), np.int64)]
    for changes in reader.iter_changes(vm_id, window):
        flips = flips_among(changes)
        which, flip = flips_of_runs(flips, gfns)
        parts.append(np.stack((which, flips["t"][flip], flips["event"][flip])))
    which, times, events = np.concatenate(parts, axis=1)
    return which, times, events


def _threads_of(reader: Reader, vm_id: int, wanted: Ints, from_t: int, to_t: int) -> Ints:
    """tid << 16 | vCPU of each of these events, which lie in [from_t, to_t)."""
    result = np.zeros(len(wanted), np.int64)
    conversions = EventQuery(from_t, to_t, where=only(EventKind.CONVERSION))
    for events, seqs in reader.iter_events(vm_id, conversions):
        at = np.searchsorted(wanted, seqs)
        is_wanted = wanted[np.minimum(at, len(wanted) - 1)] == seqs
        names = events["tid"].astype(np.int64) << 16 | events["vcpu"].astype(np.uint16)
        result[at[is_wanted]] = names[is_wanted]
    return result


def _view(run: np.void, times: Ints, who: Ints) -> PingPongView:
    threads, counts = np.unique(who, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:THREADS_SHOWN]
    return PingPongView(
        gfn=int(run["gfn"]),
        npages=int(run["npages"]),
        gpa=hex_gpa(run["gfn"]),
        flips=int(run["flips"]),
        first_t=int(times[0]),
        last_t=int(times[-1]),
        period_ns=int(np.median(np.diff(times))),
        threads=[_thread(threads[i], int(counts[i])) for i in order],
    )


def _thread(name: np.int64, flips: int) -> FlipThread:
    vcpu = int(name & 0xFFFF)
    return FlipThread(int(name >> 16), vcpu if vcpu < 1 << 15 else None, flips)
