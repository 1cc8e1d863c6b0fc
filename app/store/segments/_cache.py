"""What a process keeps to answer faster, within one number of bytes; safe among threads."""

import gc
import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from enum import Enum
from threading import Condition
from types import FunctionType, ModuleType
from typing import NamedTuple, TypeVar, cast

import numpy as np

T = TypeVar("T")

ENTRY_BYTES = 600
"""What keeping a value takes besides it: its key, its places in the tables of the cache."""
WORK_SHARE = 3
"""One part in so many stays free for what is made on the way to answers."""
_SHARED = (type, Enum, ModuleType, FunctionType)
"""Objects of these are there anyway, whoever refers to them."""


class Version(NamedTuple):
    """Of what an entry is true, and until when: a later version of it supersedes the entry."""

    of: Hashable
    number: tuple[int, ...] = ()


class _Entry(NamedTuple):
    value: object
    nbytes: int
    of: Hashable | None


class ByteCache:
    """Keeps what was used last, up to a number of bytes: one for all that a process keeps, so that
    what one question keeps makes room for another. Cached values must not be changed.

    Keys begin with the name of what they stand for: they share one space.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held = 0
        self._in_use = 0  # by work that is under way
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._loading: dict[Hashable, Future[object]] = {}
        self._keys: dict[Hashable, set[Hashable]] = {}  # by what the entries are of
        self._latest: dict[Hashable, tuple[int, ...]] = {}
        self._changed = Condition()

    @property
    def held(self) -> int:
        """Bytes of what is kept."""
        return self._held

    def get(
        self,
        key: Hashable,
        load: Callable[[], T],
        size: Callable[[T], int] | None = None,
        version: Version | None = None,
    ) -> T:
        """The value of a key, loaded if need be. Of threads that miss it at once, one loads it.

        `size`: the bytes of a value, where they are known without `size_of`. Entries of an earlier
        version go as soon as there is a later one.
        """
        with self._changed:
            if key in self._entries:
                self._entries.move_to_end(key)
                return cast(T, self._entries[key].value)
            others = self._loading.get(key)
            if others is None:
                mine = self._loading[key] = Future()
        if others is not None:
            return cast(T, others.result())
        try:
            value = load()
            self._put(key, value, (size or size_of)(value) + ENTRY_BYTES, version)
            mine.set_result(value)
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._changed:
                del self._loading[key]
        return value

    def holds(self, key: Hashable) -> bool:
        """Whether `get` would load nothing."""
        with self._changed:
            return key in self._entries

    def forget(self, of: Hashable) -> None:
        """Drop all versions of what is no more."""
        with self._changed:
            self._drop_all(of)
            self._latest.pop(of, None)

    @contextmanager
    def room(self, nbytes: int) -> Iterator[None]:
        """Have room for what is made on the way to an answer: what is kept gives way to it.

        Work that would take more than half of the limit together takes turns. Therefore what is
        done inside must not ask for room once more, nor wait for who does.
        """
        with self._changed:
            while self._in_use and self._in_use + nbytes > self.limit // 2:
                self._changed.wait()
            self._in_use += nbytes
            self._evict()
        try:
            yield
        finally:
            with self._changed:
                self._in_use -= nbytes
                self._changed.notify_all()

    def _put(self, key: Hashable, value: object, nbytes: int, version: Version | None) -> None:
        of, number = version or (None, ())
        with self._changed:
            latest = self._latest.setdefault(of, number) if of is not None else number
            if number < latest:
                return  # superseded while it was made
            if number > latest:
                self._drop_all(of)
                self._latest[of] = number
            self._drop(key)
            self._entries[key] = _Entry(value, nbytes, of)
            self._held += nbytes
            if of is not None:
                self._keys.setdefault(of, set()).add(key)
            self._evict()

    def _evict(self) -> None:
        kept = self.limit - max(self._in_use, self.limit // WORK_SHARE)
        while self._entries and self._held > kept:
            self._drop(next(iter(self._entries)))

    def _drop_all(self, of: Hashable) -> None:
        for key in list(self._keys.get(of, ())):
            self._drop(key)

    def _drop(self, key: Hashable) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._held -= entry.nbytes
        if entry.of is not None:
            self._keys[entry.of].discard(key)
            if not self._keys[entry.of]:
                del self._keys[entry.of]


def size_of(value: object) -> int:
    """The bytes of a value and of what it refers to, arrays with what they are views of."""
    total, seen, waiting = 0, set[int](), [value]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, _SHARED):
            continue
        seen.add(id(one))
        if isinstance(one, np.ndarray):
            total += sys.getsizeof(one) if one.base is None else sys.getsizeof(one[:0])
            waiting.append(one.base)
        elif one is not None:
            total += sys.getsizeof(one)
            waiting += gc.get_referents(one)
    return total
