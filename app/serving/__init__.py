"""The listening server: its socket, its connections, and what every request passes first.

A connection is accepted within limits of number and time; its request passes the check of its
origin and of who asks before any endpoint sees it, on loopback also that of the host it names.
"""

from app.serving import _security as security
from app.serving._head_requests import HeadAsGet
from app.serving._server import bind, load_settings, run, url_of

__all__ = [
    "HeadAsGet",
    "bind",
    "load_settings",
    "run",
    "security",
    "url_of",
]
