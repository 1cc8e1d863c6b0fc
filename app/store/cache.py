"""A cache bounded by bytes, for decoded segments and page maps; safe among threads."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import TypeVar, cast

T = TypeVar("T")


class ByteCache:
    """Keeps what was used last, up to a number of bytes. Cached values must not be changed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._entries: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, load: Callable[[], T], size_of: Callable[[T], int]) -> T:
        """The value of a key, loaded if need be.

        Two threads that miss at once both load: that costs less than one waiting for the other's
        loading of something else.
        """
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return cast(T, self._entries[key][0])
        value = load()
        self._put(key, value, size_of(value))
        return value

    def _put(self, key: Hashable, value: object, size: int) -> None:
        with self._lock:
            _, replaced = self._entries.pop(key, (None, 0))
            self._entries[key] = (value, size)
            self._size += size - replaced
            while self._size > self._limit and self._entries:
                _, (_, freed) = self._entries.popitem(last=False)
                self._size -= freed
