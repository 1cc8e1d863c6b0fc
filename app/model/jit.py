"""The few ways in which a function becomes a compiled hot loop."""

import hashlib
import inspect
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np

F = TypeVar("F", bound=Callable[..., Any])

_config = cast(Any, numba.config)  # its members are made at run time
_CACHE = _config.CACHE_DIR
"""Where the user wants compiled code (NUMBA_CACHE_DIR), empty for beside its source."""


@cache
def _cache_of(package: Path) -> str:
    """A folder for the compiled code of a package, another one for each state of its sources.

    Numba drops what it kept of a function when the file of that function changes, but not when
    the file of a function compiled into it does. Everything here is compiled into others.
    """
    digest = hashlib.sha256()
    for source in (*sorted(Path(__file__).parent.glob("*.py")), *sorted(package.glob("*.py"))):
        digest.update(source.read_bytes())
    return str(_cache_folder(package) / f"compiled-{digest.hexdigest()[:16]}")


def _cache_folder(package: Path) -> Path:
    """Beside the sources, or in the user's cache where somebody else installed them."""
    if _CACHE:
        return Path(_CACHE) / package.name
    if os.access(package, os.W_OK, effective_ids=True):
        return package / "__pycache__"
    cache_home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache_home) / "gmemscope" / package.name


def _njit(function: F, **options: bool) -> F:
    # The published signature of njit leaves out _nrt.
    _config.CACHE_DIR = _cache_of(Path(inspect.getfile(function)).parent)
    try:
        return cast(F, cast(Any, numba.njit)(nogil=True, cache=True, **options)(function))
    finally:
        _config.CACHE_DIR = _CACHE


def hot(function: F) -> F:
    """Compile `function` on first call, off the interpreter lock, and cache the result on disk.

    The body must stay Python that a Python reader can follow: typed numpy arrays and integers in,
    arrays and integers out, no objects.
    """
    return _njit(function)


def hot_in_place(function: F) -> F:
    """`hot` for loops that create no array, not even a slice of one.

    It leaves out the counting of references to arrays, which otherwise costs some ten atomic
    operations per call of such a function, and more than the work of a short one.
    """
    return _njit(function, _nrt=False)


def hot_part(function: F) -> F:
    """`hot_in_place` for a function that becomes part of each function that calls it.

    A call hands over seven words per array; a page costs less to paint than that.
    """
    return _njit(function, _nrt=False, forceinline=True)


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
