"""The folder that folders of compiled code are in."""

import os
from pathlib import Path

_LOOPS = Path(__file__).parents[1] / "compiled"


def home_of_code() -> Path:
    """Where the user wants it (NUMBA_CACHE_DIR), else beside the sources, or in the user's cache
    where somebody else installed them. It need not be there yet."""
    if wanted := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(wanted)
    if os.access(_LOOPS, os.W_OK, effective_ids=True):
        return _LOOPS / "__pycache__"
    try:
        cache_home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:  # a user without a home
        return _LOOPS / "__pycache__"
    return Path(cache_home) / "gmemscope"
