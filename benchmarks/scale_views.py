"""The views whose cost benchmarks.scale measures: what is asked of the server for each."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import numpy as np

MEASURES = "private", "conversions", "page_faults", "ping_pong", "mixed"
PAGE = 4096
GIB_PAGES = 1 << 18
STORM_CALLS = 100_000


class Recording(NamedTuple):
    """A database, what writing it took, and where its VM's history and memory are."""

    database: Path
    events: int
    cpu: float
    bytes: int
    from_t: int  # from when on the guest converts: before, it boots and waits
    end_t: int
    first_gfn: int
    end_gfn: int
    touched: list[int]  # gfns of some conversions


Ask = tuple[str, ...]
"""Paths that make up one view, with {vm} for the number of the VM."""
Questions = Callable[[Recording, np.random.Generator], Iterator[Ask]]


class View(NamedTuple):
    """A row of the table."""

    name: str
    budget_ms: float
    questions: Questions
    is_cold: bool = False  # each is the first that its server is asked for


def vm(path: str, **parameters: object) -> str:
    query = f"?{urlencode(parameters)}" if parameters else ""
    return f"/api/v1/vms/{{vm}}/{path}{query}"


def raster(measure: str, **window: object) -> Ask:
    return (vm("raster.png", measure=measure, width=1000, height=512, **window),)


def share(random: np.random.Generator, low: float, high: float) -> float:
    """Each magnitude as often as the others."""
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def gpas(recording: Recording, random: np.random.Generator, npages: int) -> dict[str, str]:
    """A window of so many pages, anywhere in the guest's memory."""
    npages = min(npages, recording.end_gfn - recording.first_gfn)
    first = int(random.integers(recording.first_gfn, recording.end_gfn - npages + 1))
    return {"gpa_from": hex(first * PAGE), "gpa_to": hex((first + npages) * PAGE)}


def times(recording: Recording, random: np.random.Generator, part: float) -> dict[str, int]:
    """A window of that part of the time in which there are conversions."""
    span = int((recording.end_t - recording.from_t) * min(part, 1))
    first = int(random.integers(recording.from_t, recording.end_t - span + 1))
    return {"from": first, "to": first + span}


def whole_map(_recording: Recording, _random: np.random.Generator) -> Iterator[Ask]:
    while True:
        yield from map(raster, MEASURES)


def windows(measure: str) -> Questions:
    def questions(recording: Recording, random: np.random.Generator) -> Iterator[Ask]:
        while True:
            npages = int((recording.end_gfn - recording.first_gfn) * share(random, 0.01, 1))
            when = times(recording, random, share(random, 0.01, 0.5))
            yield raster(measure, **when, **gpas(recording, random, npages))

    return questions


def narrow(recording: Recording, random: np.random.Generator) -> Iterator[Ask]:
    while True:
        for measure in MEASURES:
            yield raster(measure, **gpas(recording, random, int(share(random, 64, GIB_PAGES))))


def states(recording: Recording, random: np.random.Generator) -> Iterator[Ask]:
    while True:
        yield (vm("state", at=int(random.integers(recording.from_t, recording.end_t))),)


def timeline(_recording: Recording, _random: np.random.Generator) -> Iterator[Ask]:
    while True:
        yield (vm("timeline"),)


def storm_list(_recording: Recording, _random: np.random.Generator) -> Iterator[Ask]:
    while True:
        yield (vm("storms"),)


def histories(recording: Recording, random: np.random.Generator) -> Iterator[Ask]:
    while True:
        yield (f"/vms/{{vm}}/pages/{int(random.choice(recording.touched)) * PAGE:#x}",)


def storm_pages(recording: Recording, random: np.random.Generator) -> Iterator[Ask]:
    """The load has no storms: stretches of as many calls, which are counted and shown like one. The
    numbers come with a second request, as to a browser."""
    while True:
        query = urlencode(times(recording, random, STORM_CALLS / recording.events))
        page = f"/vms/{{vm}}/stretch?{query}"
        yield page, f"{page}&counted=true"


VIEWS = [
    View("1000x512 map, whole, each measure", 250, whole_map, is_cold=True),
    *(
        View(f"1000x512 map, 1-50 % x 1-100 %, {measure}", 250, windows(measure))
        for measure in MEASURES
    ),
    View("1000x512 map, 64 pages to 1 GiB x all time", 250, narrow),
    View("state at T", 150, states, is_cold=True),
    View("timeline", 150, timeline, is_cold=True),
    View("storm list", 150, storm_list, is_cold=True),
    View("a page's history, first page", 150, histories, is_cold=True),
    View("storm page of 100,000 calls", 500, storm_pages, is_cold=True),
]
