"""The cache keeps what was used last and is still true, within its bytes."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from app.store.segments import ByteCache, Version

BIG = 100_000
"""Bytes: beside it, what the cache itself takes for an entry is little."""


def keep(cache: ByteCache, key: str, nbytes: int = BIG, version: Version | None = None) -> None:
    cache.get(key, lambda: key, lambda _: nbytes, version)


def kept(cache: ByteCache, keys: str) -> str:
    return "".join(key for key in keys if cache.holds(key))


def test_what_was_used_least_lately_goes_first() -> None:
    cache = ByteCache(limit=4 * BIG)
    loaded: list[str] = []

    def get(key: str) -> str:
        def load() -> str:
            loaded.append(key)
            return key

        return cache.get(key, load, lambda _: BIG)

    for key in "abacab":
        assert get(key) == key
    assert loaded == ["a", "b", "c", "b"]


def test_what_is_larger_than_the_cache_is_not_kept() -> None:
    cache = ByteCache(limit=2 * BIG)
    loads = [cache.get("a", lambda: [1], lambda _: BIG) for _ in range(2)]
    assert loads[0] is loads[1]
    big = [cache.get("b", lambda: [2], lambda _: 2 * BIG) for _ in range(2)]
    assert big[0] is not big[1]
    assert cache.get("a", lambda: [4], lambda _: BIG) == [4]
    assert cache.held < 2 * BIG


def test_threads_may_share_it() -> None:
    cache = ByteCache(limit=4 * BIG)
    with ThreadPoolExecutor(8) as threads:
        got = list(
            threads.map(lambda i: cache.get(i % 7, lambda: i % 7, lambda _: BIG), range(999))
        )
    assert got == [i % 7 for i in range(999)]


def test_what_many_ask_for_at_once_is_loaded_once() -> None:
    cache = ByteCache(limit=BIG)
    all_asked = Barrier(9)
    loads: list[int] = []

    def load() -> int:
        loads.append(1)
        time.sleep(0.05)
        return 7

    def get() -> int:
        all_asked.wait()
        return cache.get("a", load, lambda _: 1)

    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(get) for _ in range(8)]
        all_asked.wait()
        assert [one.result() for one in waiting] == [7] * 8
    assert len(loads) == 1


def test_a_load_that_fails_is_tried_again_by_who_asks_later() -> None:
    cache = ByteCache(limit=BIG)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0, lambda _: 1)
    assert cache.get("a", lambda: 2, lambda _: 1) == 2


def test_what_is_kept_of_an_earlier_version_goes_with_the_first_of_a_later_one() -> None:
    cache = ByteCache(limit=100 * BIG)
    for key in "ab":
        keep(cache, key, version=Version("vm", (1,)))
    keep(cache, "c", version=Version("other vm", (1,)))
    keep(cache, "d")
    assert kept(cache, "abcd") == "abcd"
    keep(cache, "e", version=Version("vm", (2,)))
    assert kept(cache, "abcde") == "cde"
    held = cache.held
    keep(cache, "f", version=Version("vm", (1,)))  # read before the news came, and late
    assert kept(cache, "cdef") == "cde"
    assert cache.held == held


def test_what_is_no_more_is_forgotten() -> None:
    cache = ByteCache(limit=100 * BIG)
    for key in "ab":
        keep(cache, key, version=Version(key))
    cache.forget("a")
    cache.forget("never kept")
    assert kept(cache, "ab") == "b"
    cache.forget("b")
    assert cache.held == 0


def test_work_under_way_takes_its_room_from_what_is_kept() -> None:
    cache = ByteCache(limit=12 * BIG)
    for key in "abcdefghijkl":
        keep(cache, key)
    assert kept(cache, "abcdefghijkl") == "fghijkl"  # some is always left for work
    with cache.room(6 * BIG):
        assert kept(cache, "abcdefghijkl") == "hijkl"
        keep(cache, "m")
        assert kept(cache, "hijklm") == "ijklm"
    keep(cache, "n")
    assert kept(cache, "hijklmn") == "ijklmn"


def test_work_that_takes_more_than_half_takes_turns() -> None:
    cache = ByteCache(limit=10 * BIG)
    at_work: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        with cache.room(3 * BIG):
            at_work.append(number)
            most.append(len(at_work))
            time.sleep(0.01)
            at_work.remove(number)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(8)))
    assert most == [1] * 8

    both = Barrier(2)

    def small(_: int) -> None:
        with cache.room(2 * BIG):
            both.wait()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(small, range(2)))


def test_work_that_is_larger_than_the_limit_is_done_alone() -> None:
    cache = ByteCache(limit=BIG)
    with cache.room(2 * BIG):
        keep(cache, "a", nbytes=10)
        assert cache.held == 0


def test_a_value_counts_with_all_that_it_refers_to() -> None:
    cache = ByteCache(limit=100 * BIG)
    array = np.zeros(BIG, np.uint8)
    cache.get("view", lambda: {"first": [array[:1]], "again": (array,)})
    assert BIG < cache.held < 1.02 * BIG
    before = cache.held
    cache.get("text", lambda: ["a" * BIG, {"b": "c" * BIG}])
    assert 2 * BIG < cache.held - before < 2.04 * BIG
