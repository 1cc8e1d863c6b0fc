"""Compiling hot loops, by numba: imported only where nothing suitable is kept."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numba
from numba.core import compiler
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target

from app.model import keptcode

if TYPE_CHECKING:
    from app.model.jit import Hot

_FROM_OUTSIDE = frozenset({"memcpy", "memmove", "memset"})
"""What code may call of the C library; whatever else it needs, only numba can give it."""
_config = cast(Any, numba.config)  # its members are made at run time
_compiler = cast(Any, compiler)
_typeof = cast(Any, numba.typeof)


def dispatcher_of(hot: "Hot") -> Any:  # noqa: ANN401 -- numba's, which has no types
    """What other compiled functions call, and all calls that no code can be kept for."""
    wanted = _config.CACHE_DIR
    _config.CACHE_DIR = str(hot.folder)
    is_kept = keptcode.make(hot.folder)
    try:
        # The published signature of njit leaves out _nrt.
        return cast(Any, numba.njit)(nogil=True, cache=is_kept, _nrt=False, **hot.options)(
            hot.function
        )
    finally:
        _config.CACHE_DIR = wanted


def keep(hot: "Hot", args: tuple[Any, ...], kept: Path) -> Callable[..., Any] | None:
    """Compile a function for such arguments and keep the code; None if it cannot stand alone."""
    made = _object_code(hot.function, tuple(_typeof(arg) for arg in args))
    if made is None:
        return None
    code, name, returns = made
    keptcode.save(kept, code, name, returns)
    return keptcode.callable_of(code, name, returns)


@global_compiler_lock  # type: ignore[untyped-decorator]
def _object_code(
    function: Callable[..., Any], types: tuple[Any, ...]
) -> tuple[bytes, str, str] | None:
    flags = _compiler.Flags()
    flags.nrt = False
    flags.boundscheck = bool(_config.BOUNDSCHECK)
    flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    made = _compiler.compile_extra(
        cpu_target.typing_context, cpu_target.target_context, function, types, None, flags, {}
    )
    result = made._asdict()
    returns = _returns(result["signature"].return_type)
    library = result["library"]
    library.finalize()
    module = library._final_module
    needed = {f.name for f in module.functions if f.is_declaration}
    if returns is None or {n for n in needed if not n.startswith("llvm.")} - _FROM_OUTSIDE:
        return None
    return library.codegen._tm.emit_object(module), result["fndesc"].llvm_func_name, returns


def _returns(kind: Any) -> str | None:  # noqa: ANN401
    match kind:
        case numba.types.none:
            return "none"
        case numba.types.boolean:
            return "bool"
        case numba.types.int64:
            return "int"
        case numba.types.UniTuple(dtype=numba.types.int64, count=count):
            return str(count)
    return None
