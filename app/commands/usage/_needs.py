"""What a command needs that this installation may lack, and how to get it."""

from app.errors import HostError

LIBRARIES = ("plotly.min.js", "htmx.min.js", "hx-sse.min.js")
WEB_PARTS = frozenset({"fastapi", "jinja2", "pydantic_settings", "starlette", "uvicorn"})
"""Top-level modules that the extra `web` brings."""


def check_libraries() -> None:
    """Raises HostError where what the pages load is missing."""
    from app.resources import WITHOUT_LIBRARIES, browser_library

    for name in LIBRARIES:
        if not browser_library(name).is_file():
            raise HostError(f"the pages need {name}: {WITHOUT_LIBRARIES}")


def lacking(error: ModuleNotFoundError) -> HostError | None:
    """The message about a missing module, if an extra would have brought it."""
    module = (error.name or "").partition(".")[0]
    if module not in WEB_PARTS:
        return None
    return HostError(
        f"this command needs what the dashboard needs ({module} is missing): install it with its "
        "extra `web`, as in `pip install 'gmemscope[web]'`"
    )
