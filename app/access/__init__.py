"""Who may ask: the token, sessions of browsers that showed it, and what wrong guesses cost."""

from app.access._access import PAYING, Access, cookie_name
from app.access._guesses import origin_of

__all__ = [
    "PAYING",
    "Access",
    "cookie_name",
    "origin_of",
]
