"""The one way in which a function becomes a compiled hot loop."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def hot(function: F) -> F:
    """Compile `function` on first call, off the interpreter lock, and cache the result on disk.

    The body must stay Python that a Python reader can follow: typed numpy arrays and integers in,
    arrays and integers out, no objects.
    """
    return cast(F, numba.njit(nogil=True, cache=True)(function))
