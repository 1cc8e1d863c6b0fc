"""What simulated guests do, one kind of phase a file; scenarios give the parameters.

A phase is given the machine and an instant, and yields EVENT rows from then on, in order of effect
time.
"""

from collector.simulator.phases._accept import Accept
from collector.simulator.phases._break_blocks import BreakBlocks
from collector.simulator.phases._convert import Convert
from collector.simulator.phases._failures import Failures, Unconfirmed
from collector.simulator.phases._flips import Flips
from collector.simulator.phases._hot_plug import HotPlug
from collector.simulator.phases._load import Load
from collector.simulator.phases._lose_events import LoseEvents
from collector.simulator.phases._ping_pong import PingPong

__all__ = [
    "Accept",
    "BreakBlocks",
    "Convert",
    "Failures",
    "Flips",
    "HotPlug",
    "Load",
    "LoseEvents",
    "PingPong",
    "Unconfirmed",
]
