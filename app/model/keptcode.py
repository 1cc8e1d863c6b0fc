"""Compiled hot loops on disk: where they are kept, and how they are called without numba.

What is kept is the object code of one native function, and a line of JSON before it: its name, what
it returns, the digest of the code. It takes what numba's native functions take: a pointer to the
result, one to an error, then the arguments, an array as its descriptor (two owners, number of
items, size of an item, data, shape, strides).
"""

import hashlib
import importlib.util
import json
import os
import stat
from collections.abc import Callable
from ctypes import CFUNCTYPE, addressof, c_int, c_int64
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from app.model import feeding

Signature = tuple[Any, ...]
"""What tells apart the codes of one function: of each argument int, bool, or an array's kind."""

_AS_IN_C, _AS_IN_FORTRAN, _ALIGNED, _WRITEABLE = 0x001, 0x002, 0x100, 0x400
"""Numpy's array flags that compiled code relies on."""
_INT64_END = 1 << 63
_MOST_RETURNED = 8
_engines: list[Any] = []  # they own the code


def signature_of(args: tuple[Any, ...]) -> Signature | None:
    """None if some argument is neither an array nor a whole number of 64 bits, nor a tuple."""
    kinds: list[Any] = []
    for arg in args:
        kind: Any = type(arg)
        if kind is np.ndarray:
            flags = arg.flags.num
            order = flags & _AS_IN_C or flags & _AS_IN_FORTRAN
            kind = arg.dtype, arg.ndim, order | flags & (_ALIGNED | _WRITEABLE)
        elif kind is int or kind is np.int64:
            if not -_INT64_END <= arg < _INT64_END:
                return None
            kind = int
        elif kind is tuple:
            kind = signature_of(arg)
            if kind is None:
                return None
        elif kind is not bool:
            return None
        kinds.append(kind)
    return tuple(kinds)


def flat(args: tuple[Any, ...]) -> list[int]:
    """The arguments as the words that the native function takes."""
    words: list[int] = []
    for arg in args:
        if isinstance(arg, np.ndarray):
            words += (0, 0, arg.size, arg.itemsize, arg.ctypes.data)
            words += arg.shape + arg.strides
        elif isinstance(arg, tuple):
            words += flat(arg)
        else:
            words.append(int(arg))
    return words


def load(kept: Path) -> Callable[..., Any] | None:
    """The function whose code was kept there, if there is one."""
    try:
        content = kept.read_bytes() if is_trusted(kept.parent) else b""
    except OSError:
        return None
    head, _, code = content.partition(b"\n")
    try:
        name, returns, digest = json.loads(head)
    except ValueError:
        return None
    return callable_of(code, name, returns) if digest == _digest(code) else None


def save(kept: Path, code: bytes, name: str, returns: str) -> None:
    """Keep it if the folder can be written; else the next process compiles anew."""
    part = kept.with_name(f"{kept.name}.{os.getpid()}")
    if not make(kept.parent):
        return
    try:
        part.write_bytes(json.dumps([name, returns, _digest(code)]).encode() + b"\n" + code)
        part.replace(kept)
    except OSError:
        part.unlink(missing_ok=True)


def make(folder: Path) -> bool:
    """Whether code can be kept there; the folder is made if need be."""
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        return is_trusted(folder) and os.access(folder, os.W_OK, effective_ids=True)
    except OSError:
        return False


def is_trusted(folder: Path) -> bool:
    """Nobody else can put code there: a folder of ours or of whom the sources belong to."""
    owners = os.geteuid(), Path(__file__).stat().st_uid
    kept = folder.stat()
    return kept.st_uid in owners and not kept.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _digest(code: bytes) -> str:
    """LLVM ends the process at code that is damaged."""
    return hashlib.sha256(code).hexdigest()


def callable_of(code: bytes, name: str, returns: str) -> Callable[..., Any]:
    """`returns`: "none", "bool", "int", or how many integers are in the tuple."""
    address = _address(code, name)
    natives: dict[int, Callable[..., int]] = {}

    def call(*args: Any) -> Any:  # noqa: ANN401
        words = flat(args)
        native = natives.get(len(words))
        if native is None:
            native = CFUNCTYPE(c_int, *[c_int64] * (2 + len(words)))(address)
            natives[len(words)] = native
        result = (c_int64 * (_MOST_RETURNED + 1))()
        at = addressof(result)
        if native(at, at + 8 * _MOST_RETURNED, *words) != 0:
            raise ArithmeticError(f"{name} divided by zero or the like")
        return _returned(result, returns)

    return call


def _returned(result: Any, returns: str) -> Any:  # noqa: ANN401
    match returns:
        case "int":
            return result[0]
        case "none":
            return None
        case "bool":
            return result[0] & 0xFF != 0
        case _:
            return tuple(result[: int(returns)])


def _address(code: bytes, name: str) -> int:
    import llvmlite.binding as llvm

    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    return int(engine.get_function_address(name))


@cache
def _machine() -> Any:  # noqa: ANN401 -- llvmlite has no types
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(codemodel="jitdefault", jit=True)


def path_of(function: Callable[..., Any], signature: Signature, folder: Path) -> Path:
    digest = hashlib.sha256(f"{_environment()} {signature!r}".encode()).hexdigest()
    return folder / f"{function.__module__}.{function.__qualname__}-{digest[:16]}.o"


@cache
def _environment() -> str:
    """The processor and the compiler: code of others is of no use."""
    import llvmlite
    import llvmlite.binding as llvm

    numba = importlib.util.find_spec("numba")
    changed = Path(numba.origin).stat().st_mtime_ns if numba and numba.origin else 0
    features = llvm.get_host_cpu_features().flatten()
    return f"{llvmlite.__version__} {changed} {llvm.get_host_cpu_name()} {features}"


@cache
def folder_of(module: str, source: str) -> Path:
    """Where the compiled code of a module's functions is: elsewhere for each state of what feeds
    them, and where numba was told to check bounds."""
    checked = "-checked" if os.environ.get("NUMBA_BOUNDSCHECK", "0") not in ("", "0") else ""
    return cache_folder(Path(source).parent) / f"{module}-{feeding.digest_of(module)[:16]}{checked}"


def cache_folder(package: Path) -> Path:
    """Where the user wants it (NUMBA_CACHE_DIR), else beside the sources, or in the user's cache
    where somebody else installed them."""
    if wanted := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(wanted) / package.name
    if os.access(package, os.W_OK, effective_ids=True):
        return package / "__pycache__"
    cache_home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache_home) / "gmemscope" / package.name
