"""Ending by a signal, whatever the program is doing when it comes."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.commands.usage._signals import SignalEvent

ROOT = Path(__file__).parents[2]
BUSY = """
from app.commands.usage import stopped_by_signals

with stopped_by_signals() as stop:
    print("waiting", flush=True)
    while not stop.wait(0):
        pass
print("ended")
"""
PATIENCE_S = 60.0


@pytest.mark.parametrize("turn", range(10))
def test_signal_ends_a_program_that_is_just_asking_whether_it_came(turn: int) -> None:
    """With threading.Event every other turn hung: its set() waited for what wait() held."""
    command = [sys.executable, "-c", BUSY]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "waiting\n"
        time.sleep(0.002 * turn)
        program.terminate()
        try:
            program.wait(PATIENCE_S)
        finally:
            program.kill()
        assert program.stdout.read() == "ended\n"
    assert program.returncode == 0


def test_waiting_ends_with_what_was_waited_for() -> None:
    event = SignalEvent()
    assert not event.wait(0.01)
    event.set()
    assert event.wait()
    assert event.is_set()
    event.close()
    event.set()
