"""Commands that serve the dashboard: `serve`, `demo`."""

from app.commands.dashboard import _demo as demo, _serve as serve

__all__ = [
    "demo",
    "serve",
]
