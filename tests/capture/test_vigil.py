"""When an armed collector records: by the rate, by a request, until calm."""

import signal
from threading import Event

import pytest

from app.commands.recording._armed import DEFAULT_RATE, Requests
from app.model.stats import CONVERSIONS
from collector.capture.agent import Ending, UntilCalm, Vigil
from collector.capture.agent._vigil import LOOK_S

RATE, CALM_S = 1000.0, 5.0


class Host:
    """Its time, its conversions and what was asked for, as a test says."""

    def __init__(self) -> None:
        self.now = 0.0
        self.conversions = 70
        self.is_asked = False
        self.vigil = Vigil(
            lambda: self.conversions, self.answer, RATE, CALM_S, now=lambda: self.now
        )

    def answer(self) -> bool:
        is_asked, self.is_asked = self.is_asked, False
        return is_asked

    def pass_by(self, seconds: float, conversions: int = 0) -> None:
        self.now += seconds
        self.conversions += conversions


def test_the_default_is_the_certain_rate_of_storms_and_a_look_sees_enough_of_one() -> None:
    assert CONVERSIONS.certain_rate == DEFAULT_RATE
    assert CONVERSIONS.min_calls == DEFAULT_RATE * LOOK_S


def test_rate_is_a_trigger_from_the_threshold_on() -> None:
    host = Host()
    host.pass_by(1.0, 999)
    assert host.vigil.look() is None
    host.pass_by(2.0, 2000)
    assert host.vigil.look() == "1,000 conversions per second"


def test_what_came_before_it_was_armed_is_no_trigger() -> None:
    host = Host()
    host.conversions = 10**9
    vigil = Vigil(lambda: host.conversions, host.answer, RATE, CALM_S, now=lambda: host.now)
    host.pass_by(LOOK_S)
    assert vigil.look() is None


def test_a_look_too_soon_leaves_its_conversions_to_the_next() -> None:
    host = Host()
    host.pass_by(LOOK_S / 2, 150)
    assert host.vigil.look() is None
    host.pass_by(LOOK_S / 2, 150)
    assert host.vigil.look() == "1,500 conversions per second"


def test_a_request_is_a_trigger_once() -> None:
    host = Host()
    host.is_asked = True
    assert host.vigil.look() == "somebody asked for it"
    assert host.vigil.look() is None


def test_signals_are_answered_once_however_many_came() -> None:
    requests = Requests()
    assert not requests.answer()
    requests.receive(signal.SIGUSR1, None)
    requests.receive(signal.SIGUSR1, None)
    assert requests.answer()
    assert not requests.answer()


def test_waiting_ends_with_the_reason_or_with_the_collector() -> None:
    host, stop = Host(), Event()
    host.is_asked = True
    assert host.vigil.wait(stop) == "somebody asked for it"
    stop.set()
    assert host.vigil.wait(stop) is None


@pytest.mark.parametrize("is_asked", [False, True])
def test_calm_is_so_long_without_a_trigger(is_asked: bool) -> None:
    host = Host()
    host.pass_by(CALM_S - 1)
    assert not host.vigil.is_calm()
    if is_asked:
        host.is_asked = True
    else:
        host.pass_by(LOOK_S, 1000)
    assert not host.vigil.is_calm()
    host.pass_by(CALM_S - 1, 10)
    assert not host.vigil.is_calm()
    host.pass_by(2, 10)
    assert host.vigil.is_calm()


def test_recording_ends_by_calm_and_the_collector_goes_on() -> None:
    host, stop = Host(), Event()
    until = UntilCalm(stop, host.vigil)
    assert not until.wait(0)
    assert not until.is_set()
    host.pass_by(CALM_S)
    assert until.wait(0)
    assert until.is_set()
    assert not stop.is_set()


def test_recording_ends_with_the_collector() -> None:
    host, stop = Host(), Event()
    until = UntilCalm(stop, host.vigil)
    stop.set()
    assert until.is_set()
    assert until.wait(0)


def test_ending_comes_with_the_duration_or_before() -> None:
    now = [5.0]
    stop = Event()
    ending = Ending(stop, 2.0, now=lambda: now[0])
    assert not ending.is_set()
    assert not ending.wait(0)
    now[0] = 7.0
    assert ending.is_set()
    assert ending.wait()
    assert Ending(stop, None).wait(0) is False
    stop.set()
    assert Ending(stop, None).wait()
