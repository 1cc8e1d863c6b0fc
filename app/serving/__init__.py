"""The listening server: its socket, its connections, and what every request passes first.

A connection is accepted within limits of number and time; its request passes hosts, origins, access
and sizes, in this order, before any endpoint sees it.
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
