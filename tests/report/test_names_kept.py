"""Reports keep the names of sources and clocks that are listed: whoever names one lists it."""

import pytest

from app.model.guest import FILE_FORMATS, LINE_NUMBERS, Clock, Source
from app.store.read import DAMAGE
from collector.capture.choice import SOURCES
from collector.capture.tracefs._instance import CLOCK
from collector.importing import FORMATS
from collector.simulator._player import CLOCK as SIMULATED_CLOCK, SOURCE
from collector.trace.text._head import _CLOCKS
from collector.trace.tracedat._clock import TSC_CLOCK


def test_files_to_import_are_of_these_formats() -> None:
    assert tuple(FORMATS) == FILE_FORMATS


@pytest.mark.parametrize("source", [*SOURCES, SOURCE, DAMAGE])
def test_each_source_is_listed(source: str) -> None:
    assert source in set(Source)


@pytest.mark.parametrize(
    "clock", [CLOCK, SIMULATED_CLOCK, TSC_CLOCK, LINE_NUMBERS, *_CLOCKS.values()]
)
def test_each_clock_is_listed(clock: str) -> None:
    assert clock in set(Clock)
