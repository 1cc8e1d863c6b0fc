"""Thread groups and names from births, deaths and /proc."""

import os
import subprocess
import threading
from pathlib import Path

import numpy as np

from collector.capture.tracefs._threads import Threads
from collector.codes import CallCode
from collector.kvm.uapi import CLONE_THREAD
from collector.records import CALL, CallArray

FREE = (1 << 22) - 3
"""A number that no thread has: pid_max is lower wherever numbers are given in turn."""


def calls(*rows: tuple[int, CallCode, int, int]) -> CallArray:
    """(tid, code, v[0], v[1])"""
    made = np.zeros(len(rows), CALL)
    for call, (tid, code, first, second) in zip(made, rows, strict=True):
        call["tid"], call["code"], call["v"][:2] = tid, code, (first, second)
    return made


def groups(threads: Threads, made: CallArray) -> list[int]:
    threads.complete(made)
    return [int(group) for group in made["tgid"]]


def test_living_threads_are_looked_up() -> None:
    found: list[int] = []

    def look() -> None:
        tid = threading.get_native_id()
        found.extend([tid, *groups(Threads(), calls((tid, CallCode.SET_REGION, 0, 0)))])

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found[0] != os.getpid() == found[1]


def test_births_tell_the_processes_of_threads_that_are_gone_already() -> None:
    made = calls(
        (os.getpid(), CallCode.NEW_TASK, FREE, 0),
        (FREE, CallCode.NEW_TASK, FREE + 1, CLONE_THREAD),
        (FREE + 1, CallCode.SET_REGION, 0, 0),
        (FREE + 1, CallCode.PROCESS_EXIT, FREE + 1, 0),
    )
    assert groups(Threads(), made) == [os.getpid(), FREE, FREE, FREE]


def test_thread_that_is_gone_is_of_no_known_process(tmp_path: Path) -> None:
    threads = Threads(tmp_path)
    assert groups(threads, calls((FREE, CallCode.SET_REGION, 0, 0))) == [0]
    assert threads.command_names == {}


def test_process_of_a_thread_is_forgotten_when_it_exits() -> None:
    threads = Threads()
    with subprocess.Popen(["sleep", "60"]) as child:
        threads.complete(calls((child.pid, CallCode.SET_REGION, 0, 0)))
        child.kill()
        child.wait()
        ended = groups(threads, calls((child.pid, CallCode.PROCESS_EXIT, child.pid, 1)))
        later = groups(threads, calls((child.pid, CallCode.SET_REGION, 0, 0)))
    assert (ended, later) == ([child.pid], [0])


def test_names_are_those_of_whoever_has_vms(tmp_path: Path) -> None:
    (tmp_path / "saved_cmdlines").write_text(f"{FREE} a b\n<...> x\n")
    threads = Threads(tmp_path)
    threads.complete(
        calls(
            (os.getpid(), CallCode.CLOSE, 0, 0),
            (FREE, CallCode.CREATE_VM, 0, 0),
            (FREE + 1, CallCode.CREATE_VM, 0, 0),
        )
    )
    assert threads.command_names == {FREE: "a b"}
    threads.complete(calls((os.getpid(), CallCode.CREATE_VM, 0, 0)))
    assert threads.command_names[os.getpid()] == Path("/proc/self/comm").read_text().strip()


def test_name_outlives_its_thread_until_the_number_is_given_anew(tmp_path: Path) -> None:
    threads = Threads(tmp_path)
    (tmp_path / "saved_cmdlines").write_text(f"{FREE} vmm\n")
    made = calls((FREE, CallCode.CREATE_VM, 0, 0), (FREE, CallCode.PROCESS_EXIT, FREE, 1))
    threads.complete(made)
    assert threads.command_names == {FREE: "vmm"}
    threads.complete(calls((os.getpid(), CallCode.NEW_TASK, FREE, 0)))
    assert threads.command_names == {}


def test_nothing_is_learnt_of_nothing() -> None:
    assert groups(Threads(), calls()) == []
    assert groups(Threads(), calls((0, CallCode.LOSS_END, 1, 1))) == [0]


def test_after_a_loss_numbers_are_looked_up_anew() -> None:
    """Whoever had this one may have ended unseen, and its number been given to another."""
    threads, me = Threads(), os.getpid()
    born = calls((FREE, CallCode.NEW_TASK, me, 0), (FREE, CallCode.NEW_TASK, FREE + 1, 0))
    threads.complete(born)
    assert groups(threads, calls((FREE + 1, CallCode.SET_REGION, 0, 0))) == [FREE + 1]
    threads.complete(calls((0, CallCode.LOSS_END, 0, 0)))
    again = calls((me, CallCode.SET_REGION, 0, 0), (FREE + 1, CallCode.SET_REGION, 0, 0))
    assert groups(threads, again) == [me, 0]
