"""A cache bounded by bytes, for decoded segments and page maps; safe among threads."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import TypeVar, cast

T = TypeVar("T")


class ByteCache:
    """Keeps what was used last, up to a number of bytes. Cached values must not be changed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._entries: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()
        self._loading: dict[Hashable, Future[object]] = {}
        self._lock = Lock()

    def get(self, key: Hashable, load: Callable[[], T], size_of: Callable[[T], int]) -> T:
        """The value of a key, loaded if need be. Of threads that miss it at once, one loads it."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return cast(T, self._entries[key][0])
            others = self._loading.get(key)
            if others is None:
                mine = self._loading[key] = Future()
        if others is not None:
            return cast(T, others.result())
        try:
            value = load()
            self._put(key, value, size_of(value))
            mine.set_result(value)
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._loading[key]
        return value

    def holds(self, key: Hashable) -> bool:
        """Whether `get` would load nothing."""
        with self._lock:
            return key in self._entries

    def _put(self, key: Hashable, value: object, size: int) -> None:
        with self._lock:
            _, replaced = self._entries.pop(key, (None, 0))
            self._entries[key] = (value, size)
            self._size += size - replaced
            while self._size > self._limit and self._entries:
                _, (_, freed) = self._entries.popitem(last=False)
                self._size -= freed
