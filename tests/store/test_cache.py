"""The cache keeps what was used last, within its bytes."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from app.store.segments import ByteCache


def test_what_was_used_least_lately_goes_first() -> None:
    cache = ByteCache(limit=20)
    loaded: list[str] = []

    def get(key: str) -> str:
        def load() -> str:
            loaded.append(key)
            return key

        return cache.get(key, load, lambda _: 10)

    for key in "abacab":
        assert get(key) == key
    assert loaded == ["a", "b", "c", "b"]


def test_what_is_larger_than_the_cache_is_not_kept() -> None:
    cache = ByteCache(limit=5)
    loads = [cache.get("a", lambda: [1, 2, 3], len) for _ in range(2)]
    assert loads[0] is loads[1]
    big = [cache.get("b", lambda: [0] * 6, len) for _ in range(2)]
    assert big[0] is not big[1]
    assert cache.get("a", lambda: [4], len) == [4]


def test_threads_may_share_it() -> None:
    cache = ByteCache(limit=100)
    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(lambda i: cache.get(i % 7, lambda: i % 7, lambda _: 30), range(999)))
    assert got == [i % 7 for i in range(999)]


def test_what_many_ask_for_at_once_is_loaded_once() -> None:
    cache = ByteCache(limit=100)
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
    cache = ByteCache(limit=100)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0, lambda _: 1)
    assert cache.get("a", lambda: 2, lambda _: 1) == 2
