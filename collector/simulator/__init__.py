"""Guests that behave like guests, for people without KVM and for load tests.

A scenario is a list of phases; each phase is given the stage (machine, time, random numbers) and
gives back EVENT rows and rare facts, which the player merges and hands to a recording sink.
"""

from collector.simulator._facts import Fact, GoneMemslot, LossWindow, NewGuestMemfd, NewMemslot
from collector.simulator._machine import DIMM_FD, Area, Machine, Place, Region
from collector.simulator._patterns import Chunks, Pattern, Ranges, Scattered, block_starts
from collector.simulator._player import Played, play, recording_header
from collector.simulator._recorded import Limits
from collector.simulator._rows import (
    PRIVATE_FAULT,
    REQUEST_LEAD_NS,
    blank,
    call_latency,
    conversions,
    in_effect_order,
    page_faults,
    with_company,
)
from collector.simulator._scenario import Scenario, Showing, Storm
from collector.simulator._setup import guest_memfd_call, memslot_call
from collector.simulator._stage import Part, Phase, Stage, to_ns

__all__ = [
    "DIMM_FD",
    "PRIVATE_FAULT",
    "REQUEST_LEAD_NS",
    "Area",
    "Chunks",
    "Fact",
    "GoneMemslot",
    "Limits",
    "LossWindow",
    "Machine",
    "NewGuestMemfd",
    "NewMemslot",
    "Part",
    "Pattern",
    "Phase",
    "Place",
    "Played",
    "Ranges",
    "Region",
    "Scattered",
    "Scenario",
    "Showing",
    "Stage",
    "Storm",
    "blank",
    "block_starts",
    "call_latency",
    "conversions",
    "guest_memfd_call",
    "in_effect_order",
    "memslot_call",
    "page_faults",
    "play",
    "recording_header",
    "to_ns",
    "with_company",
]
