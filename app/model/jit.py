"""The few ways in which a function becomes a compiled hot loop."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

F = TypeVar("F", bound=Callable[..., Any])

_njit = cast(Any, numba.njit)  # its published signature leaves out _nrt


def hot(function: F) -> F:
    """Compile `function` on first call, off the interpreter lock, and cache the result on disk.

    The body must stay Python that a Python reader can follow: typed numpy arrays and integers in,
    arrays and integers out, no objects.
    """
    return cast(F, numba.njit(nogil=True, cache=True)(function))


def hot_in_place(function: F) -> F:
    """`hot` for loops that create no array, not even a slice of one.

    It leaves out the counting of references to arrays, which otherwise costs some ten atomic
    operations per call of such a function, and more than the work of a short one.
    """
    return cast(F, _njit(nogil=True, cache=True, _nrt=False)(function))


def hot_part(function: F) -> F:
    """`hot_in_place` for a function that becomes part of each function that calls it.

    A call hands over seven words per array; a page costs less to paint than that.
    """
    return cast(F, _njit(nogil=True, cache=True, _nrt=False, forceinline=True)(function))


def constant(value: int) -> int:
    """A number that compiled functions hand to each other.

    As a plain int it would be part of the type of the call, and the function called would be
    compiled once more for each such number.
    """
    return cast(int, np.int64(value))


@hot_part
def signed(value: int | np.integer[Any]) -> int:
    """The same number as a signed 64-bit one: with an unsigned one, numba would make floats."""
    return np.int64(value)  # type: ignore[return-value]
