"""Commands that serve the dashboard: `serve`, `demo`.

Both open the database and hand the application to `app.serving`; `demo` first starts a simulated
guest as a process of its own, and ends it with itself.
"""

from app.commands.dashboard import _demo as demo, _serve as serve

__all__ = [
    "demo",
    "serve",
]
