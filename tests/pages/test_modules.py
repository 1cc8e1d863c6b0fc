"""The browser's modules, asked directly: numbers as people read them, and the address axis."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from browsing import Dashboard
from playwright.sync_api import Page

from app.queries.events._filters import CHOICES

THIN = "\u2009"


@pytest.fixture
def in_module(open_page: Callable[..., Page], dashboard: Dashboard) -> Callable[[str, str], Any]:
    """Evaluate an expression with a module's exports as `m`."""
    page = open_page(f"{dashboard.url}/recordings/1")

    def evaluate(module: str, expression: str) -> Any:  # noqa: ANN401 -- whatever JavaScript gives
        return page.evaluate(
            f"async () => {{ const m = await import('/static/js/{module}'); return {expression}; }}"
        )

    return evaluate


def test_numbers(in_module: Callable[[str, str], Any]) -> None:
    assert in_module("shared/units.js", "[0, 999, 434176].map(m.formatCount)") == [
        "0",
        "999",
        f"434{THIN}176",
    ]
    assert in_module(
        "shared/units.js", "[0, 4096, 4089446, 2 ** 20 - 1, 2 ** 40].map(m.formatSize)"
    ) == [
        "0 B",
        "4.0 KiB",
        "3.9 MiB",
        "1.0 MiB",
        "1.0 TiB",
    ]
    assert in_module("shared/units.js", "[0, 1e-9, 0.5, 1 - 1e-9, 1].map(m.formatShare)") == [
        "0 %",
        "< 0.1 %",
        "50 %",
        "> 99.9 %",
        "100 %",
    ]


def test_times(in_module: Callable[[str, str], Any]) -> None:
    assert in_module(
        "shared/time.js", "[0, 12345678000, 12345678901].map(t => m.formatTime(t))"
    ) == [
        f"t+0.000{THIN}000 s",
        f"t+12.345{THIN}678 s",
        f"t+12.345{THIN}678{THIN}901 s",
    ]
    assert in_module("shared/time.js", "[7, 41234, 999999, 2650000000].map(m.formatDuration)") == [
        "7 ns",
        "41.2 µs",
        "1 ms",
        "2.65 s",
    ]
    assert (
        in_module("shared/time.js", "m.clockAt('18446744073709551000', 615)")
        == "18446744073709551615"
    )
    assert in_module("shared/time.js", "m.timeTicks(0, 60e9, 6).labels") == [
        f"{second} s" for second in range(0, 61, 10)
    ]


def test_times_of_a_recording_without_times_are_its_lines(
    in_module: Callable[[str, str], Any],
) -> None:
    def said(what: str) -> Any:  # noqa: ANN401 -- whatever JavaScript gives
        return in_module("shared/time.js", f"(m.setClock('line number'), {what})")

    assert said("[0, 4711000].map(t => m.formatTime(t))") == ["line 0", f"line 4{THIN}711"]
    assert said("[1000, 2500, 4711000].map(m.formatDuration)") == [
        "1 line",
        "2.5 lines",
        f"4{THIN}711 lines",
    ]
    assert said("m.timeTicks(0, 3000, 9).labels") == [f"line {n}" for n in range(4)]
    assert said("m.formatPerTime(1e6)") == "1k/1k lines"
    assert said("m.clockText({clock: 'line number', clock_start_ns: '0'}, 5000)") == (
        "line 5: this recording has no times"
    )
    assert (
        in_module("shared/time.js", "(m.setClock('mono'), m.formatTime(0))")
        == f"t+0.000{THIN}000 s"
    )
    assert in_module("explorer/cursor/jump.js", "m.parseJump('line 4 711')") == {"t": 4_711_000}


def test_addresses(in_module: Callable[[str, str], Any]) -> None:
    assert in_module("shared/gpa.js", "[0, 0x180000000, 0xfffffffffffff].map(m.formatAddress)") == [
        "0x0_0000_0000",
        "0x1_8000_0000",
        "0xf_ffff_ffff_ffff",
    ]
    assert in_module("shared/gpa.js", "m.formatAddress('0x7f1200000000')") == "0x7f12_0000_0000"


AXIS = "m.BandAxis.ofRanges([[0x100000, 0x200000], [0, 0x10000], [0x8000, 0x20000]])"


def test_layout_joins_ranges_and_leaves_holes_out(in_module: Callable[[str, str], Any]) -> None:
    bands = in_module("shared/gpa.js", f"{AXIS}.bands.map(b => [b.from, b.to, b.start, b.end])")
    assert bands == [[0, 0x20000, 0, 0x20000], [0x100000, 0x200000, 0x20000, 0x120000]]
    assert in_module("shared/gpa.js", f"{AXIS}.positionOf(0x100000)") == 0x20000
    assert in_module("shared/gpa.js", f"{AXIS}.positionOf(0x80000)") == 0x20000, "in the hole"
    assert in_module("shared/gpa.js", f"{AXIS}.addressAt(0x20000)") == 0x100000


def test_window_is_whole_pages_and_never_empty(in_module: Callable[[str, str], Any]) -> None:
    assert in_module("shared/gpa.js", f"{AXIS}.windowBetween(0x1001, 0x1002)") == [0x1000, 0x2000]
    assert in_module("shared/gpa.js", f"{AXIS}.windowBetween(-5, 1e12)") == [0, 0x200000]
    assert in_module("shared/gpa.js", f"{AXIS}.windowBetween(0x20000, 0x21000)") == [
        0x100000,
        0x101000,
    ]


def test_raster_rows_become_pixels_with_a_gap_for_each_hole(
    in_module: Callable[[str, str], Any],
) -> None:
    bands = (
        "[{gpa_from: '0x0', gpa_to: '0x4000', row_from: 0, row_to: 4},"
        " {gpa_from: '0x100000', gpa_to: '0x104000', row_from: 4, row_to: 8}]"
    )
    axis = f"m.BandAxis.ofRaster({bands}, 90, 10)"
    assert in_module("shared/gpa.js", f"{axis}.bands.map(b => [b.start, b.end])") == [
        [0, 40],
        [50, 90],
    ]
    assert in_module("shared/gpa.js", f"{axis}.addressAt(45)") is None
    assert in_module("shared/gpa.js", f"{axis}.addressAt(50)") == 0x100000
    assert in_module("shared/gpa.js", f"{axis}.holes()[0].to") == 0x100000


KINDS = {
    "{kind: 'memslot', aux: '0x400000007', npages: 512}": "memslot 7 set",
    "{kind: 'memslot', aux: '0x2', npages: 0}": "memslot 2 deleted",
    "{kind: 'guest_memfd', aux: '0x0'}": "guest_memfd created",
    "{kind: 'register_region', aux: '0x0'}": "host memory registered for encryption",
    "{kind: 'populate', aux: '0x0'}": "guest_memfd pages allocated",
    "{kind: 'population', aux: '0x10', npages: 512}": (
        "counted: 16 of 512 pages of guest_memfd exist"
    ),
    "{kind: 'population', aux: '0x10', npages: null}": "counted: 16 pages of guest_memfd exist",
    "{kind: 'state_read', to: 'private'}": "state read from the kernel: private",
    "{kind: 'loss_begin', aux: '0x0'}": "events lost: not counted",
    "{kind: 'memory_fault', to: 'shared'}": "memory fault: to shared",
    "{kind: 'conversion', to: 'unknown'}": "conversion, direction unknown",
    "{kind: 'phase_mark', aux: '0x20010080000000a5'}": "phase mark: 0xa5 to port 0x80",
    "{kind: 'phase_mark', aux: '0x2001040200000053'}": 'phase mark: "S" to port 0x402',
    "{kind: 'phase_mark', aux: '0x3000040200000053'}": (
        'phase mark: "S" to port 0x402, the first of 4096'
    ),
    "{kind: 'of_a_newer_server', to: null}": "of a newer server",
}


MARKS = {
    ("0x200104020000000a", "0x2001040200000053", "0x2001040200000065"): '"\\nSe"',
    ("0x2001008000000001", "0x2001040200000053", "0x800100f400000002"): (
        '0x1 to port 0x80, "S", 0x2 to port 0xf4'
    ),
    (): "",
}


def test_phase_marks_in_a_row_read_as_text(in_module: Callable[[str, str], Any]) -> None:
    rows = json.dumps(list(MARKS))
    words = in_module(
        "shared/phase_marks.js", f"{rows}.map(row => m.marksText(row.map(m.phaseMark)))"
    )
    assert words == list(MARKS.values())


def test_kinds_of_events_in_words(in_module: Callable[[str, str], Any]) -> None:
    words = in_module("shared/event_words.js", f"[{', '.join(KINDS)}].map(m.kindText)")
    assert words == list(KINDS.values())


def test_since_when_a_state_that_was_read_has_been(in_module: Callable[[str, str], Any]) -> None:
    items = "[{kind: 'loss_begin'}, {kind: 'state_read', to: 'shared', t_effect: 7}]"
    found = in_module(
        "explorer/cursor/page_history.js", f"m.summarise({{items: {items}, next: null}}, 'shared')"
    )
    assert found["since"]["t_effect"] == 7


PLACES: dict[str, Any] = {
    "0x1_8000_0000": {"gpa": 0x180000000},
    "gpa:0X180000000": {"gpa": 0x180000000},
    "gfn:0x180000": {"gpa": 0x180000000},
    "gfn 16": {"gpa": 0x10000},
    "hva:0x7F12_0000_0000": {"hva": "0x7f1200000000"},
    "#4711": {"seq": 4711},
    f"t+12.345{THIN}678 s": {"t": 12_345_678_000},
    "t+3": {"t": 3_000_000_000},
    "41 µs": {"t": 41_000},
    "12": None,
    "tomorrow": None,
}


def test_places_as_people_write_them(in_module: Callable[[str, str], Any]) -> None:
    found = in_module("explorer/cursor/jump.js", f"{json.dumps(list(PLACES))}.map(m.parseJump)")
    assert found == list(PLACES.values())


def test_filters_offer_what_the_server_knows(in_module: Callable[[str, str], Any]) -> None:
    ours = in_module("shared/event_filters.js", "m.CHOICES")
    assert {name: set(values) for name, values in ours.items()} == {
        name: set(values) for name, values in CHOICES.items()
    }
    assert in_module(
        "shared/event_filters.js", "m.readFilters(new URLSearchParams('errno=eagain&tid=x'))"
    ) == {"errno": ["eagain"]}
